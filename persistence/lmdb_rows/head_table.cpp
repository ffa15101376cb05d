#include "lmdb_rows/head_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

namespace cairn::detail {

std::span<const std::byte> head_entry::key() const noexcept {
  return {reinterpret_cast<const std::byte*>(this + 1), stream_key::padded(name_bytes)};
}

stream_key::stream_key(std::string_view name) noexcept : size_{padded(name.size())} {
  CAIRN_ASSERT(!name.empty() && size_ <= sizeof(words_));
  words_[size_ / 8 - 1] = 0;
  std::memcpy(words_, name.data(), name.size());
}

head_table::head_table(std::size_t expected_entries)
  : mask_{std::bit_ceil(std::max<std::size_t>(expected_entries, 1024)) - 1},
    buckets_{std::make_unique<head_entry*[]>(mask_ + 1)} {}

head_table::~head_table() {
  for (std::uint64_t i = 0; i <= mask_; ++i)
    for (head_entry* entry = buckets_[i]; entry;)
      ::operator delete(std::exchange(entry, entry->next_in_bucket));
}

std::optional<stream_head> head_table::committed(std::string_view name, std::uint64_t hash) const {
  const std::lock_guard lock{mutex_};
  if (const head_entry* entry = find(name, hash))
    return entry->committed;
  return std::nullopt;
}

void head_table::visit_committed(function_ref<void(std::string_view, stream_head)> visitor) const {
  constexpr std::uint64_t buckets_at_once = 1024;
  for (std::uint64_t first = 0; first <= mask_; first += buckets_at_once) {
    const std::lock_guard lock{mutex_};
    for (std::uint64_t i = first; i <= mask_ && i < first + buckets_at_once; ++i)
      for (const head_entry* entry = buckets_[i]; entry; entry = entry->next_in_bucket)
        visitor(entry->name(), entry->committed);
  }
}

head_entry* head_table::find(std::string_view name, std::uint64_t hash) const noexcept {
  for (head_entry* entry = bucket_of(hash); entry; entry = entry->next_in_bucket)
    if (entry->hash == hash && entry->name() == name)
      return entry;
  return nullptr;
}

head_entry& head_table::insert(std::string_view name, std::uint64_t hash, stream_head committed) {
  const stream_key key{name};
  const auto bytes = key.bytes();
  void* const memory = ::operator new(sizeof(head_entry) + bytes.size());
  auto* const entry =
      new (memory) head_entry{.next_in_bucket = nullptr,
                              .hash = hash,
                              .pending = committed,
                              .committed = committed,
                              .name_bytes = static_cast<std::uint32_t>(name.size())};
  std::memcpy(static_cast<void*>(entry + 1), bytes.data(), bytes.size());
  const std::lock_guard lock{mutex_};
  entry->next_in_bucket = std::exchange(bucket_of(hash), entry);
  ++size_;
  return *entry;
}

void head_table::erase(std::span<head_entry* const> entries) noexcept {
  {
    const std::lock_guard lock{mutex_};
    for (head_entry* entry : entries) {
      head_entry** link = &bucket_of(entry->hash);
      while (*link != entry)
        link = &(*link)->next_in_bucket;
      *link = entry->next_in_bucket;
    }
    size_ -= entries.size();
  }
  for (head_entry* entry : entries)
    ::operator delete(entry);
}

std::span<head_entry* const> head_table::publish() {
  published_.clear();
  published_.swap(touched_);
  const std::lock_guard lock{mutex_};
  for (head_entry* entry : published_) {
    entry->committed = entry->pending;
    entry->touched = false;
  }
  return published_;
}

void head_table::roll_back() noexcept {
  for (head_entry* entry : touched_) {
    entry->pending = entry->committed;
    entry->touched = false;
  }
  touched_.clear();
}

} // namespace cairn::detail
