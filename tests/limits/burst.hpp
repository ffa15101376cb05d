#pragma once

#include <cairn/runtime.hpp>

#include "backlog.hpp"
#include "heap.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace limits {

inline std::string pile_id(std::size_t number) {
  return "backlog-" + std::to_string(number);
}

inline cairn::runtime_options small_runtime(const std::filesystem::path& directory) {
  return {.storage = cairn::lmdb{.directory = directory,
                                 .map_bytes = std::size_t{16} << 30,
                                 .free_space_watermark_bytes = 0,
                                 .flush_interval_events = 4096},
          .threads = 2};
}

/// The options of the journal of a `small_runtime`.
inline cairn::lmdb& journal_of(cairn::runtime_options& options) {
  return *options.storage.get_if<cairn::lmdb>();
}

/// Counts what became of requests that nobody waits for one by one. Must live until all of them
/// are answered.
class burst {
public:
  explicit burst(cairn::aggregates<backlog> to) : to_{std::move(to)} {}

  void put(const std::string& id, std::size_t bytes, const cairn::ask_options& options = {}) {
    put_items wanted;
    wanted.payload.resize(bytes);
    send(id, std::move(wanted), options);
  }

  template <class Command>
  void send(const std::string& id, Command&& command, const cairn::ask_options& options = {}) {
    ++sent_;
    to_.ask(id, std::forward<Command>(command), options)
        .then([this](cairn::result<cairn::reply>&& told) noexcept {
          ++told_[told ? 0 : static_cast<std::size_t>(told.error().code())];
          ++answered_;
          answered_.notify_all();
        });
  }

  void wait_for_all() const { wait_for_answers(sent_); }
  void wait_for_answers(std::uint64_t wanted) const {
    for (auto now = answered_.load(); now < wanted; now = answered_.load())
      answered_.wait(now);
  }

  std::uint64_t sent() const noexcept { return sent_; }
  std::uint64_t answered() const noexcept { return answered_; }
  std::uint64_t accepted() const noexcept { return told_[0]; } // nothing here is rejected
  std::uint64_t failed(cairn::errc how) const noexcept {
    return told_[static_cast<std::size_t>(how)];
  }
  std::uint64_t overloaded() const noexcept { return failed(cairn::errc::overloaded); }

private:
  const cairn::aggregates<backlog> to_;
  std::atomic<std::uint64_t> sent_{0}, answered_{0};
  std::array<std::atomic<std::uint64_t>, 256> told_{};
};

/// Prints the memory that was needed, and checks it.
inline void check_memory(const char* what, test::heap_watch& heap, std::size_t bound) {
  const auto growth = heap.growth();
  std::cout << "  " << what << ": " << growth / 1024 << " KiB of memory, bound " << bound / 1024
            << " KiB" << std::endl;
  CHECK(growth <= bound);
}

} // namespace limits
