#pragma once

#include "history.hpp"
#include "page.hpp"

#include <cairn/aggregates.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <random>
#include <semaphore>
#include <string>
#include <vector>

namespace histories {

/// What clients share.
struct stage {
  std::atomic<std::uint64_t> now{0};  ///< The clock of histories: every look moves it on.
  std::atomic<std::uint64_t> sent{0}; ///< In this run of the runtime.
  std::uint64_t most = 0;             ///< To be sent in it; then `enough` is set.
  std::atomic<bool> enough{false};    ///< There has been enough of it ...
  std::atomic<bool> over{false};      ///< ... and this is why nothing more can be sent, either.
  std::uint32_t pages = 0;

  void set(std::atomic<bool>& what) noexcept {
    what.store(true);
    what.notify_all();
  }
};

inline std::string page_id(std::uint32_t page) {
  return "p" + std::to_string(page);
}

/// Sends commands and queries from one thread, some at a time, and records them.
class client {
public:
  static constexpr std::ptrdiff_t most_under_way = 8;

  client(stage& on, std::uint64_t number, std::uint64_t seed)
    : on_{on}, number_{number}, random_{seed} {}

  /// Sends what is of unknown outcome again, in its order.
  void send_again(const cairn::aggregates<page>& to);

  /// Sends until the stage is over. `go_on` after there has been enough: until nothing more is
  /// taken.
  void run(const cairn::aggregates<page>& to, bool go_on);

  /// Waits for all answers.
  void drain();

  /// The runtime is closed: what was of unknown outcome has happened by now, or never will.
  void settle(std::uint64_t now);

  const std::deque<operation>& history() const noexcept { return history_; }

private:
  struct command {
    operation::kind what;
    std::uint32_t page, count, key;
    std::uint64_t token;
    std::optional<std::uint64_t> expected;
  };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::uint32_t some_page();
  command some_command();
  void send(const cairn::aggregates<page>& to, const command& asked);
  void send_query(const cairn::aggregates<page>& to, std::uint32_t of);
  operation& begin(const operation& asked);
  void ended(operation& asked, const cairn::result<cairn::reply>& answer);
  void failed(operation& asked, const cairn::error& why);
  void done(operation& asked);
  std::uint64_t seen(std::uint32_t of);

  stage& on_;
  const std::uint64_t number_;
  std::mt19937_64 random_;
  std::counting_semaphore<> free_{most_under_way};
  std::uint64_t tokens_ = 0;
  std::deque<operation> history_; // what is in it stays in its place
  std::deque<command> recent_;
  std::size_t settled_ = 0; // of the history

  std::mutex mutex_;
  std::vector<std::uint64_t> seen_; // the newest version, by page
};

} // namespace histories
