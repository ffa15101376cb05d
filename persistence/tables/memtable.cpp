#include "tables/memtable.hpp"

#include <algorithm>
#include <cstring>

namespace cairn::detail {
namespace {

constexpr std::size_t rows_at_a_time = 64;
constexpr std::size_t rows_ordered_at_a_time = 1024;
constexpr std::size_t bytes_beside_key_and_row = 128; // the entry, and its place in the index
constexpr std::size_t word_align = alignof(std::uint64_t);

} // namespace

void memtable::add(const write_batch& batch, std::uint64_t revision,
                   const revisions_in_use& in_use) {
  const auto& changes = batch.changes();
  const std::unique_lock lock{mutex_};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& [key, hash, change] = changes[i];
    const auto [row, is_new] = rows_.find_or_add(key, hash);
    if (is_new) {
      row->key = keep(key);
      row->row.newest = keep(revision, change.words);
    } else {
      replace(row->row, revision, change.words, in_use);
    }
  }
}

std::string_view memtable::keep(std::string_view key) {
  bytes_ += key.size() + bytes_beside_key_and_row;
  auto* const to = static_cast<char*>(memory_.allocate(key.size(), 1));
  std::memcpy(to, key.data(), key.size());
  return {to, key.size()};
}

memtable::version memtable::keep(std::uint64_t revision, row_words words) {
  if (words.empty())
    return {revision, {}};
  bytes_ += words.size_bytes();
  auto* const to = static_cast<std::uint64_t*>(memory_.allocate(words.size_bytes(), word_align));
  std::memcpy(to, words.data(), words.size_bytes());
  return {revision, {to, words.size()}};
}

void memtable::drop(const version& of) noexcept {
  if (of.words.empty())
    return;
  bytes_ -= of.words.size_bytes();
  memory_.deallocate(of.words.data(), of.words.size_bytes(), word_align);
}

/// Keeps the versions that a snapshot can see: for each the last one that is not newer than it.
void memtable::replace(history& of, std::uint64_t revision, row_words by,
                       const revisions_in_use& in_use) {
  const auto is_seen = [&](const version& each, std::uint64_t until) {
    const auto reader = in_use.lower_bound(each.revision);
    return reader != in_use.end() && *reader < until;
  };
  for (std::size_t i = of.older.size(); i-- > 0;) {
    const auto until = i + 1 < of.older.size() ? of.older[i + 1].revision : of.newest.revision;
    if (is_seen(of.older[i], until))
      continue;
    drop(of.older[i]);
    of.older.erase(of.older.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (is_seen(of.newest, revision)) {
    of.older.push_back(of.newest);
    of.newest = keep(revision, by);
  } else if (!by.empty() && by.size() == of.newest.words.size()) {
    std::memcpy(of.newest.words.data(), by.data(), by.size_bytes());
    of.newest.revision = revision;
  } else {
    drop(of.newest);
    of.newest = keep(revision, by);
  }
}

const memtable::version* memtable::seen_by(const history& of, std::uint64_t revision) noexcept {
  if (of.newest.revision <= revision)
    return &of.newest;
  for (auto older = of.older.rbegin(); older != of.older.rend(); ++older)
    if (older->revision <= revision)
      return &*older;
  return nullptr;
}

std::optional<row_words> memtable::find(key_view key, std::uint64_t revision) const {
  const auto hash = rows_by_key::hash_of(as_text(key));
  const std::shared_lock lock{mutex_};
  const auto* const found = rows_.find(as_text(key), hash);
  if (!found)
    return std::nullopt;
  const version* const seen = seen_by(found->row, revision);
  return seen ? std::optional<row_words>{seen->words} : std::nullopt;
}

std::size_t memtable::rows() const {
  const std::shared_lock lock{mutex_};
  return rows_.size();
}

std::size_t memtable::bytes() const {
  const std::shared_lock lock{mutex_};
  return bytes_;
}

int memtable::for_each(function_ref<int(key_view, std::span<std::uint64_t>)> use) {
  for (auto* const each : rows_.in_order())
    if (const int rc = use(as_key(each->key), each->row.newest.words))
      return rc;
  return 0;
}

/// Some of them, so that who adds rows need not wait long; with the lock held alone. True: all are.
bool memtable::put_in_order() const {
  const auto enough = std::min(rows_.size(), ordered_.size() + rows_ordered_at_a_time);
  for (std::size_t next = ordered_.size(); next < enough; ++next)
    ordered_.insert(&rows_[next]);
  return enough == rows_.size();
}

memtable::walk::walk(const memtable& layer, key_view from, key_view below, scan_direction direction,
                     std::uint64_t revision)
  : layer_{layer}, direction_{direction}, revision_{revision} {
  std::unique_lock lock{layer_.mutex_};
  while (!layer_.put_in_order()) {
    lock.unlock();
    lock.lock();
  }
  const auto& rows = layer_.ordered_;
  first_ = rows.lower_bound(as_text(from));
  last_ = below.empty() ? rows.end() : rows.lower_bound(as_text(below));
  if (!below.empty() && as_text(below) < as_text(from))
    last_ = first_;
}

const override_row* memtable::walk::next() {
  if (used_ == chunk_.size())
    fill();
  return used_ < chunk_.size() ? &chunk_[used_++] : nullptr;
}

void memtable::walk::fill() {
  chunk_.clear();
  used_ = 0;
  const std::shared_lock lock{layer_.mutex_};
  while (first_ != last_ && chunk_.size() < rows_at_a_time) {
    const auto at = direction_ == scan_direction::ascending ? first_++ : --last_;
    if (const version* const seen = seen_by((*at)->row, revision_))
      chunk_.push_back({as_key((*at)->key), seen->words});
  }
}

} // namespace cairn::detail
