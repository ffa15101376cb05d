#pragma once

#include <tsl/robin_set.h>
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::detail {

/// Rows in memory, found by the hash of their keys; put in order only when somebody asks, because
/// most are overwritten many times before anybody does. An entry stays where it is until it is
/// taken out. With `Key` a `std::string_view`, who adds a row gives its key a place to stay. One
/// thread at a time.
template <class Row, class Key = std::string>
class keyed_rows {
public:
  struct entry {
    Key key;
    std::uint64_t hash = 0;
    Row row{};
  };

  static std::uint64_t hash_of(std::string_view key) noexcept {
    return XXH3_64bits(key.data(), key.size());
  }

  std::size_t size() const noexcept { return used_; }

  /// In the order in which they came. `number` is below `size()`.
  entry& operator[](std::size_t number) noexcept {
    return blocks_[number / entries_in_block][number % entries_in_block];
  }
  const entry& operator[](std::size_t number) const noexcept {
    return blocks_[number / entries_in_block][number % entries_in_block];
  }

  /// Null: there is none.
  entry* find(std::string_view key, std::uint64_t hash) const {
    const auto found = index_.find(sought{key, hash}, hash);
    return found == index_.end() ? nullptr : *found;
  }
  entry* find(std::string_view key) const { return find(key, hash_of(key)); }

  /// A new one's row is as an earlier one left it (see `clear`), or empty.
  std::pair<entry*, bool> find_or_add(std::string_view key, std::uint64_t hash) {
    if (entry* const found = find(key, hash))
      return {found, false};
    if (used_ == entries_in_block * blocks_.size())
      blocks_.push_back(std::make_unique<entry[]>(entries_in_block));
    entry& added = (*this)[used_];
    added.key = key;
    added.hash = hash;
    index_.insert(&added);
    ++used_;
    return {&added, true};
  }

  /// Takes out the one that came last.
  void drop_last() {
    --used_;
    index_.erase(&(*this)[used_]);
  }

  std::vector<entry*> in_order() {
    std::vector<entry*> all;
    all.reserve(used_);
    for (std::size_t i = 0; i < used_; ++i)
      all.push_back(&(*this)[i]);
    sort(all);
    return all;
  }

  /// Keeps entries, with their rows, for use again.
  void clear() {
    constexpr std::size_t too_empty = 16; // then a new index costs less than wiping this one
    if (index_.bucket_count() > too_empty * (used_ + 1))
      index_ = {};
    else
      index_.clear();
    used_ = 0;
  }

  /// In the order of keys.
  static void sort(std::vector<entry*>& rows) {
    const std::size_t same = common_prefix(rows);
    std::vector<std::pair<std::uint64_t, entry*>> by_start;
    by_start.reserve(rows.size());
    for (entry* const row : rows)
      by_start.push_back({start_of(std::string_view{row->key}.substr(same)), row});
    std::sort(by_start.begin(), by_start.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : a.second->key < b.second->key;
    });
    std::transform(by_start.begin(), by_start.end(), rows.begin(),
                   [](const auto& each) { return each.second; });
  }

private:
  struct sought {
    std::string_view key;
    std::uint64_t hash;
  };
  struct hasher {
    std::size_t operator()(const entry* of) const noexcept { return of->hash; }
    std::size_t operator()(const sought& of) const noexcept { return of.hash; }
  };
  struct same_key {
    using is_transparent = void;
    bool operator()(const entry* a, const entry* b) const noexcept { return a == b; }
    bool operator()(const entry* a, const sought& b) const noexcept {
      return a->hash == b.hash && a->key == b.key;
    }
    bool operator()(const sought& a, const entry* b) const noexcept { return (*this)(b, a); }
  };

  static std::size_t common_prefix(const std::vector<entry*>& rows) noexcept {
    if (rows.empty())
      return 0;
    const std::string_view first = rows.front()->key;
    std::size_t same = first.size();
    for (const entry* const row : rows) {
      same = std::min(same, row->key.size());
      while (std::memcmp(first.data(), row->key.data(), same) != 0)
        --same;
    }
    return same;
  }

  /// The first bytes as a number of the same order; a shorter text ends in zeros.
  static std::uint64_t start_of(std::string_view text) noexcept {
    std::uint64_t start = 0;
    std::memcpy(&start, text.data(), std::min(text.size(), sizeof(start)));
    return __builtin_bswap64(start);
  }

  static constexpr std::size_t entries_in_block = 64;

  std::vector<std::unique_ptr<entry[]>> blocks_; // entries behind `used_` wait to be used again
  std::size_t used_ = 0;
  tsl::robin_set<entry*, hasher, same_key, std::allocator<entry*>, true> index_;
};

} // namespace cairn::detail
