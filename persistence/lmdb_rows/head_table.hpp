#pragma once

#include "records/record.hpp"

#include <cairn/append.hpp>
#include <cairn/function_ref.hpp>
#include <cairn/ids.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace cairn::detail {

/// A name (of a stream, or a reserved key) whose head is in memory. The name follows in the same
/// allocation, zero-padded to a multiple of 8: its key in the database.
struct head_entry {
  head_entry* next_in_bucket;
  std::uint64_t hash;
  stream_head pending;           ///< The writer's own: includes the commit that is being written.
  stream_head committed;         ///< What readers see; guarded by the table's mutex.
  std::uint64_t dirty_cycle = 0; ///< The flush cycle in which it last became newer than its row.
  std::uint32_t name_bytes;
  bool touched = false;       ///< By the commit that is being written.
  bool written_since = false; ///< Since the last look at whether it may leave the table.

  std::string_view name() const noexcept {
    return {reinterpret_cast<const char*>(this + 1), name_bytes};
  }
  std::span<const std::byte> key() const noexcept;
};

/// The key of a stream's rows: its name, zero-padded to a multiple of 8. Names hold no NUL, so the
/// padding is unambiguous.
class stream_key {
public:
  explicit stream_key(std::string_view name) noexcept;
  std::span<const std::byte> bytes() const noexcept { return {words_bytes(), size_}; }

  static constexpr std::size_t padded(std::size_t bytes) noexcept { return (bytes + 7) / 8 * 8; }

private:
  static constexpr std::size_t capacity =
      (max_aggregate_type_bytes + 1 + max_aggregate_id_bytes + 7) / 8;
  const std::byte* words_bytes() const noexcept {
    return reinterpret_cast<const std::byte*>(words_);
  }

  std::uint64_t words_[capacity];
  std::size_t size_;
};

/// The heads of the streams written since the last flush, and of some clean ones. Also, in a table
/// of its own, who holds the reserved keys: by key the place of the event that reserved it last,
/// and version 0 if it was released.
///
/// The writer thread alone changes it; any thread may ask for a committed head. The writer's own
/// look-ups take no lock, because nobody else changes the structure. The number of buckets is
/// fixed, so that no commit pauses for a rehash.
class head_table {
public:
  explicit head_table(std::size_t expected_entries);
  ~head_table();
  head_table(const head_table&) = delete;
  head_table& operator=(const head_table&) = delete;

  // Any thread.

  /// The newest durable head, if the table knows the stream.
  std::optional<stream_head> committed(std::string_view name, std::uint64_t hash) const;

  /// Calls `visitor` with the name and the newest durable head of each stream in the table. Takes
  /// the lock for a part of the table at a time: a stream that comes in meanwhile may be missing,
  /// and one that leaves has its head on disk. `visitor` must be short.
  void visit_committed(function_ref<void(std::string_view, stream_head)> visitor) const;

  // The writer's thread (or before it starts).

  head_entry* find(std::string_view name, std::uint64_t hash) const noexcept;
  head_entry& insert(std::string_view name, std::uint64_t hash, stream_head committed);
  void erase(std::span<head_entry* const> entries) noexcept;
  std::size_t size() const noexcept { return size_; }

  /// Two steps of a look-up to come: start fetching its bucket; then, with the bucket here, the
  /// entry that it will compare first.
  void prefetch_bucket(std::uint64_t hash) const noexcept { __builtin_prefetch(&bucket_of(hash)); }
  void prefetch_entry(std::uint64_t hash) const noexcept {
    const head_entry* const entry = bucket_of(hash);
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + 1); // its name
  }

  /// Moves the pending head, for the commit that is being written.
  void touch(head_entry& entry, stream_head pending) {
    entry.pending = pending;
    if (!entry.touched) {
      entry.touched = true;
      touched_.push_back(&entry);
    }
  }
  /// The commit is durable: readers see its heads from now on. Returns the entries that it moved,
  /// until the next `touch`.
  std::span<head_entry* const> publish();
  /// The commit is not: pending heads go back to the committed ones.
  void roll_back() noexcept;

private:
  head_entry*& bucket_of(std::uint64_t hash) const noexcept { return buckets_[hash & mask_]; }

  std::uint64_t mask_;
  std::unique_ptr<head_entry*[]> buckets_;
  std::size_t size_ = 0;
  std::vector<head_entry*> touched_;
  std::vector<head_entry*> published_;
  mutable std::mutex mutex_; // structure and committed heads, against readers
};

} // namespace cairn::detail
