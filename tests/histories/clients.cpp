#include "clients.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace histories {
namespace {

constexpr std::size_t most_recent = 40; // some within the deduplication window, some beyond
constexpr std::uint32_t keys = 24;

using kind = operation::kind;
using outcome = operation::outcome;

outcome outcome_of(const cairn::reply& answer) {
  if (!answer.accepted())
    return outcome::rejected;
  return answer.repeated() ? outcome::repeated : outcome::accepted;
}

} // namespace

std::uint32_t client::some_page() {
  // A few pages get most of it, and the others a little.
  const double at = std::uniform_real_distribution<>{0, 1}(random_);
  return static_cast<std::uint32_t>(std::pow(at, 3) * on_.pages);
}

client::command client::some_command() {
  command made{kind::write, some_page(), 1, 0, (number_ << 40) + ++tokens_, std::nullopt};
  const auto chance = below(100);
  if (chance < 25)
    made.what = kind::write_if_even;
  else if (chance < 30)
    made.what = kind::claim;
  made.key = static_cast<std::uint32_t>(below(keys));
  if (made.what != kind::claim && below(4) == 0)
    made.count = static_cast<std::uint32_t>(below(4));
  if (below(5) == 0)
    made.expected = seen(made.page);
  return made;
}

std::uint64_t client::seen(std::uint32_t of) {
  const std::lock_guard lock{mutex_};
  seen_.resize(on_.pages);
  return seen_[of];
}

void client::run(const cairn::aggregates<page>& to, bool go_on) {
  while (!on_.over.load() && (go_on || !on_.enough.load())) {
    const auto chance = below(100);
    if (chance < 30) {
      send_query(to, some_page());
    } else if (chance < 42 && !recent_.empty()) {
      send(to, recent_[below(recent_.size())]);
    } else {
      const auto next = some_command();
      recent_.push_back(next);
      if (recent_.size() > most_recent)
        recent_.pop_front();
      send(to, next);
      if (below(16) == 0)
        send(to, next); // at once, whatever becomes of the first
    }
    if (on_.sent.fetch_add(1) + 1 == on_.most)
      on_.set(on_.enough);
  }
}

void client::send_again(const cairn::aggregates<page>& to) {
  const auto end = history_.size();
  for (; settled_ < end; ++settled_) {
    const auto asked = history_[settled_];
    if (asked.told == outcome::unknown)
      send(to, {asked.what, asked.page, asked.count, asked.key, asked.token, asked.expected});
  }
}

void client::send(const cairn::aggregates<page>& to, const command& asked) {
  free_.acquire();
  auto& recorded = begin({.what = asked.what,
                          .page = asked.page,
                          .count = asked.count,
                          .key = asked.key,
                          .token = asked.token,
                          .expected = asked.expected,
                          .why = {}});
  cairn::ask_options options;
  options.command_id = {1, asked.token};
  if (asked.expected)
    options.expected = cairn::expected_version::exact(cairn::version{*asked.expected});
  if (below(64) == 0)
    options.deadline = std::chrono::steady_clock::now(); // most of these are late
  const auto id = page_id(asked.page);
  auto answer = [&] {
    switch (asked.what) {
      case kind::write_if_even:
        return to.ask(id, write_if_even{.token = asked.token, .count = asked.count}, options);
      case kind::claim:
        return to.ask(id, claim_key{.token = asked.token, .key = asked.key}, options);
      default: return to.ask(id, write_tokens{.token = asked.token, .count = asked.count}, options);
    }
  }();
  std::move(answer).then(
      [this, &recorded](cairn::result<cairn::reply>&& told) noexcept { ended(recorded, told); });
}

void client::send_query(const cairn::aggregates<page>& to, std::uint32_t of) {
  struct sight {
    std::uint64_t digest, version;
  };
  free_.acquire();
  auto& recorded = begin({.what = kind::query, .page = of, .expected = std::nullopt, .why = {}});
  to.query(page_id(of), [](const page_state& now, cairn::version version) {
      return sight{now.digest, version.number()};
    }).then([this, &recorded](cairn::result<sight>&& told) noexcept {
    if (told) {
      recorded.told = outcome::answered;
      recorded.version = told->version;
      recorded.digest = told->digest;
    } else {
      failed(recorded, told.error());
    }
    done(recorded);
  });
}

operation& client::begin(const operation& asked) {
  auto& recorded = history_.emplace_back(asked);
  recorded.invoked = on_.now.fetch_add(1);
  return recorded;
}

void client::ended(operation& asked, const cairn::result<cairn::reply>& answer) {
  if (answer) {
    asked.told = outcome_of(*answer);
    asked.version = answer->version().number();
    asked.position = answer->position().number();
  } else {
    failed(asked, answer.error());
  }
  done(asked);
}

void client::failed(operation& asked, const cairn::error& why) {
  using cairn::errc;
  switch (why.code()) {
    case errc::version_conflict:
      asked.told = outcome::conflict;
      asked.version = why.version().number();
      return;
    case errc::outcome_unknown:
      asked.told = asked.token == 0 ? outcome::nothing_written : outcome::unknown;
      break;
    case errc::overloaded:
    case errc::deadline_exceeded:
    case errc::aborted: asked.told = outcome::nothing_written; return;
    case errc::shut_down:
    case errc::journal_stopped:
    case errc::io_failed: asked.told = outcome::nothing_written; break;
    default: // no reason for any other here: counts as no answer
      asked.why = std::string{cairn::to_string(why.code())} + ": " + why.message();
      return;
  }
  on_.set(on_.over);
  on_.set(on_.enough);
}

void client::done(operation& asked) {
  if (asked.told != outcome::nothing_written && asked.told != outcome::unknown) {
    const std::lock_guard lock{mutex_};
    seen_.resize(on_.pages);
    seen_[asked.page] = std::max(seen_[asked.page], asked.version);
  }
  if (asked.told != outcome::unknown)
    asked.returned = on_.now.fetch_add(1);
  free_.release();
}

void client::drain() {
  for (std::ptrdiff_t i = 0; i < most_under_way; ++i)
    free_.acquire();
  free_.release(most_under_way);
}

void client::settle(std::uint64_t now) {
  for (auto at = settled_; at < history_.size(); ++at)
    if (history_[at].told == outcome::unknown)
      history_[at].returned = now;
}

} // namespace histories
