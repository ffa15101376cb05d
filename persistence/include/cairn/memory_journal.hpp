#pragma once

#include <cairn/journal.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace cairn {

/// How an in-memory journal behaves.
struct memory_journal_options {
  std::size_t max_event_bytes = default_max_event_bytes; ///< Of one record: 1 KiB to 256 MiB.
  /// The clock that events are stamped with; empty: the system's.
  std::function<std::chrono::sys_time<std::chrono::nanoseconds>()> wall_clock = {};
};

/// A journal in memory: the same promises but durability, for tests and for aggregates whose
/// history may die with the process. It has no thread: `submit` appends at once and completes
/// within the call, so that a test that drives it is deterministic. An option outside its range
/// counts as the nearest value in it; `runtime::open` refuses it.
std::unique_ptr<journal> make_memory_journal(memory_journal_options options = {});

} // namespace cairn
