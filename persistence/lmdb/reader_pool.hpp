#pragma once

#include "lmdb/lmdb_env.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace cairn::detail {

/// A pool of reusable read transactions.
///
/// A read transaction keeps every page that it could see from being reused: one that stays open
/// lets the file grow without bound. So a caller that holds one for long asks `due` between steps,
/// and renews it.
class reader_pool {
  struct slot {
    MDB_txn* txn = nullptr;
    MDB_cursor* cursor = nullptr;
    std::atomic<std::int64_t> since_ms = 0; // 0: not reading
    bool lasting = false;                   // under the pool's lock
  };

public:
  static constexpr std::chrono::milliseconds usual_patience{10'000};

  /// Each transaction comes with a cursor on the database `scanned`. `max_readers`: as given to the
  /// environment. `patience`: how long a thread waits for others to give their transactions back;
  /// it may be the waiting thread itself that holds one. `max_lasting`: of `acquire_lasting`.
  reader_pool(const lmdb_env& env, MDB_dbi scanned, std::size_t max_readers,
              std::chrono::milliseconds patience = usual_patience,
              std::size_t max_lasting = std::numeric_limits<std::size_t>::max());
  ~reader_pool() { close(); }
  reader_pool(const reader_pool&) = delete;
  reader_pool& operator=(const reader_pool&) = delete;

  /// A read transaction as of its acquisition or last renewal, given back on destruction. Used by
  /// one thread at a time; it need not stay the same.
  class lease {
  public:
    lease(lease&& other) noexcept
      : pool_{other.pool_}, slot_{std::exchange(other.slot_, nullptr)} {}
    lease& operator=(lease&&) = delete;
    ~lease() {
      if (slot_)
        pool_->give_back(slot_);
    }

    MDB_txn* txn() const noexcept { return slot_->txn; }
    MDB_cursor* cursor() const noexcept { return slot_->cursor; }

    /// Whether it has been held for so long that it must be renewed (50 ms).
    bool due() const noexcept;

    /// Reads as of now from here on. What was read before is no longer valid memory.
    result<void> renew() { return pool_->renew(*slot_); }

  private:
    friend reader_pool;
    lease(reader_pool& pool, slot* taken) : pool_{&pool}, slot_{taken} {}

    reader_pool* pool_;
    slot* slot_;
  };

  /// Waits while all are in use; and, when another process has made the map larger, until none is.
  /// Errors: that of `close`, `io_failed` (also when that takes too long).
  result<lease> acquire();

  /// The same for one that somebody outside may keep for as long as he likes: so nobody waits for
  /// another to be given back. Errors: also `overloaded` if `max_lasting` are kept.
  result<lease> acquire_lasting();

  /// Lets nobody in any more, waits until all leases are back, and ends their transactions. Who
  /// comes later is told `why`.
  void close(error why = {errc::shut_down, "it is closed"});

  std::chrono::milliseconds oldest() const;

private:
  result<lease> acquire(bool lasting);
  result<slot*> idle_slot(bool lasting);
  result<void> start(slot& reader);
  result<void> renew(slot& reader);
  int open_or_renew(slot& reader) noexcept;
  void stop(slot& reader) noexcept;
  void give_back(slot* reader) noexcept;
  result<void> adopt_grown_map();

  const lmdb_env& env_;
  const MDB_dbi scanned_;
  const std::size_t max_readers_;
  const std::chrono::milliseconds patience_;
  const std::size_t max_lasting_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<slot>> slots_;
  std::vector<slot*> idle_;
  std::size_t reading_ = 0; // slots with a live transaction
  std::size_t lasting_ = 0; // leases
  bool growing_ = false;
  std::optional<error> closed_; // what callers are told
};

} // namespace cairn::detail
