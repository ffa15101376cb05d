#include "lmdb/reader_pool.hpp"

#include <algorithm>
#include <utility>

#include <time.h>

namespace cairn::detail {
namespace {

constexpr std::int64_t longest_reader_ms = 50;

/// The coarse clock costs a memory read; its 4 ms steps are fine enough for 50.
std::int64_t now_ms() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

} // namespace

reader_pool::reader_pool(const lmdb_env& env, MDB_dbi scanned, std::size_t max_readers,
                         std::chrono::milliseconds patience, std::size_t max_lasting)
  : env_{env}, scanned_{scanned}, max_readers_{max_readers}, patience_{patience},
    max_lasting_{max_lasting} {}

bool reader_pool::lease::due() const noexcept {
  return now_ms() - slot_->since_ms.load(std::memory_order_relaxed) >= longest_reader_ms;
}

result<reader_pool::lease> reader_pool::acquire() {
  return acquire(false);
}

result<reader_pool::lease> reader_pool::acquire_lasting() {
  return acquire(true);
}

result<reader_pool::lease> reader_pool::acquire(bool lasting) {
  auto reader = idle_slot(lasting);
  if (!reader)
    return std::move(reader).error();
  lease taken{*this, *reader};
  if (auto started = start(**reader); !started)
    return std::move(started).error();
  return taken;
}

result<reader_pool::slot*> reader_pool::idle_slot(bool lasting) {
  std::unique_lock lock{mutex_};
  if (lasting && !closed_ && lasting_ >= max_lasting_)
    return error{errc::overloaded, "as many views are kept as max_readers allows ("
                                       + std::to_string(max_lasting_)
                                       + "): drop some, or raise it"};
  const auto available = [&] { return closed_ || !idle_.empty() || slots_.size() < max_readers_; };
  if (!changed_.wait_for(lock, patience_, available))
    return error{errc::io_failed,
                 "all " + std::to_string(max_readers_) + " readers have been in use for "
                     + std::to_string(patience_.count()) + " ms; raise max_readers"};
  if (closed_)
    return *closed_;
  if (idle_.empty()) {
    idle_.reserve(slots_.size() + 1); // so that giving back never allocates
    slots_.push_back(std::make_unique<slot>());
    idle_.push_back(slots_.back().get());
  }
  slot* const reader = idle_.back();
  idle_.pop_back();
  reader->lasting = lasting;
  lasting_ += lasting ? 1 : 0;
  return reader;
}

result<void> reader_pool::start(slot& reader) {
  for (;;) {
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [&] { return !growing_; });
      ++reading_;
    }
    const int rc = open_or_renew(reader);
    if (rc == 0) {
      reader.since_ms.store(now_ms(), std::memory_order_relaxed);
      return {};
    }
    stop(reader);
    if (rc != MDB_MAP_RESIZED)
      return lmdb_error(errc::io_failed, "cannot begin to read", rc);
    if (auto adopted = adopt_grown_map(); !adopted)
      return adopted;
  }
}

result<void> reader_pool::renew(slot& reader) {
  stop(reader);
  return start(reader);
}

int reader_pool::open_or_renew(slot& reader) noexcept {
  if (!reader.txn) {
    if (const int rc = mdb_txn_begin(env_.get(), nullptr, MDB_RDONLY, &reader.txn))
      return reader.txn = nullptr, rc;
  } else if (const int rc = mdb_txn_renew(reader.txn)) {
    return rc;
  }
  return reader.cursor ? mdb_cursor_renew(reader.txn, reader.cursor)
                       : mdb_cursor_open(reader.txn, scanned_, &reader.cursor);
}

void reader_pool::stop(slot& reader) noexcept {
  if (reader.txn)
    mdb_txn_reset(reader.txn);
  reader.since_ms.store(0, std::memory_order_relaxed);
  const std::lock_guard lock{mutex_};
  --reading_;
  if (growing_)
    changed_.notify_all();
}

void reader_pool::give_back(slot* reader) noexcept {
  if (reader->since_ms.load(std::memory_order_relaxed) != 0)
    stop(*reader);
  const std::lock_guard lock{mutex_};
  lasting_ -= reader->lasting ? 1 : 0;
  idle_.push_back(reader);
  if (closed_ || idle_.size() == 1)
    changed_.notify_all();
}

/// Not while anybody reads: LMDB moves the map.
result<void> reader_pool::adopt_grown_map() {
  std::unique_lock lock{mutex_};
  if (growing_)
    return {}; // another thread does it; `start` waits for it
  growing_ = true;
  const bool unread = changed_.wait_for(lock, patience_, [&] { return reading_ == 0; });
  const int rc = unread ? mdb_env_set_mapsize(env_.get(), 0) : 0; // 0: as the file says
  growing_ = false;
  changed_.notify_all();
  if (!unread)
    return error{errc::io_failed, "another process has made the map larger, and a reader, perhaps "
                                  "this thread's own, has kept it from being followed for "
                                      + std::to_string(patience_.count()) + " ms"};
  if (rc != 0)
    return lmdb_error(errc::io_failed, "cannot follow the map's growth", rc);
  return {};
}

void reader_pool::close(error why) {
  std::unique_lock lock{mutex_};
  if (!closed_)
    closed_ = std::move(why);
  changed_.notify_all();
  changed_.wait(lock, [&] { return idle_.size() == slots_.size(); });
  for (const auto& reader : slots_) {
    if (reader->cursor)
      mdb_cursor_close(reader->cursor);
    if (reader->txn)
      mdb_txn_abort(reader->txn);
  }
  slots_.clear();
  idle_.clear();
}

std::chrono::milliseconds reader_pool::oldest() const {
  const std::lock_guard lock{mutex_};
  std::int64_t oldest = 0;
  const std::int64_t now = now_ms();
  for (const auto& reader : slots_)
    if (const auto since = reader->since_ms.load(std::memory_order_relaxed); since != 0)
      oldest = std::max(oldest, now - since);
  return std::chrono::milliseconds{oldest};
}

} // namespace cairn::detail
