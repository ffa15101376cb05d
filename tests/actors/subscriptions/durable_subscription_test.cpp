// Durable subscriptions, turn by turn: the log is in memory and outlives their restarts, their
// checkpoints are on disk.

#include "account.hpp"
#include "literals.hpp"
#include "subscriptions/durable_set.hpp"
#include "temporary_directory.hpp"

#include <cairn/detail/event_handler.hpp>
#include <cairn/memory_journal.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using cairn::consumer_state;
using cairn::errc;
using cairn::event_selection;
using cairn::subscription_start;
using kind = cairn::subscription_decision::kind;
using positions = std::vector<cairn::position>;

namespace {

/// Appends an event of `id` to `log`.
void append(cairn::journal& log, std::string_view id = "a") {
  const auto stream = cairn::stream_id::make("account", id).value();
  cairn::event_batch batch;
  REQUIRE(batch.add(stream, {}, test::deposited{.amount = 1}));
  REQUIRE(log.append(stream, cairn::expected_version::any(), std::move(batch)));
}

void append_some(cairn::journal& log, int events) {
  for (int i = 0; i < events; ++i)
    append(log);
}

cairn::durable_subscription_options one_attempt() {
  cairn::durable_subscription_options options;
  options.max_attempts = 1;
  return options;
}

/// One start of a program that has the durable subscription "mailer".
class program {
public:
  explicit program(const cairn::journal& log, std::filesystem::path root)
    : set_{log, root, stepped} {}

  cairn::result<cairn::durable_subscription>
  subscribe(const event_selection& selection = event_selection::all(),
            const cairn::durable_subscription_options& options = one_attempt(),
            std::string name = "mailer") {
    return set_.subscribe(
        std::move(name), selection,
        [this](const cairn::event_view& event) {
          if (const auto failing = failures.find(event.position());
              failing != failures.end() && failing->second-- > 0)
            throw std::runtime_error{"the mail server does not answer"};
          handled.push_back(event.position());
        },
        options);
  }

  /// Takes turns as long as there is anything to do.
  void run() {
    while (set_.turn()) {
    }
  }
  cairn::result<void> end() { return set_.close(); }

  positions handled;
  std::map<cairn::position, int, cairn::position_order>
      failures; ///< By position: how many calls are still to throw.

private:
  static inline const cairn::detail::consumer_environment stepped{.by_threads = false};
  cairn::detail::durable_set set_;
};

/// A copy of a directory of checkpoints as a crash would leave it now.
void copy_as_crashed(const std::filesystem::path& from, const std::filesystem::path& to) {
  using std::filesystem::perms;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  for (const auto& entry : std::filesystem::recursive_directory_iterator{to})
    std::filesystem::permissions(
        entry, entry.is_directory() ? perms::owner_all : perms::owner_read | perms::owner_write);
  std::filesystem::permissions(to, perms::owner_all);
}

struct world {
  std::unique_ptr<cairn::journal> log = cairn::make_memory_journal();
  test::temporary_directory place;
  std::filesystem::path root = place / "subscriptions";
};

} // namespace

TEST_CASE("one whose first opening was killed half way goes on where that had placed it") {
  world at;
  append_some(*at.log, 6);
  std::string followed;
  {
    program one{*at.log, at.root};
    REQUIRE(one.subscribe());
    std::getline(std::ifstream{at.root / "mailer" / "selection"}, followed);
    REQUIRE(one.end());
  }
  const auto root = at.place / "killed";
  { // the checkpoint is written, and the note that it has begun is not
    const auto store = cairn::table_store::open({.directory = root / "mailer" / "1" / "1",
                                                 .shape = "subscription to " + followed,
                                                 .visibility = cairn::row_visibility::at_once})
                           .value();
    std::uint64_t fingerprint = 0;
    REQUIRE(at.log->replay_all(4_pos, [&](const cairn::event_view& event) {
      fingerprint = cairn::event_fingerprint(event);
      return cairn::visit_result::stop;
    }));
    REQUIRE(store->publish({4_pos, fingerprint}));
    REQUIRE(store->close());
  }
  for (const auto start : {subscription_start::after(2_pos), subscription_start::after(5_pos)}) {
    copy_as_crashed(root, at.place / "again");
    program again{*at.log, at.place / "again"};
    auto options = one_attempt();
    options.start = start;
    const auto mailer = again.subscribe(event_selection::all(), options).value();
    again.run();
    CHECK(again.handled == positions{5_pos, 6_pos});
    REQUIRE(again.end());
    std::filesystem::remove_all(at.place / "again");
  }
}

TEST_CASE("a durable subscription goes on behind the last event that it handled before it closed") {
  world at;
  append_some(*at.log, 3);
  {
    program first{*at.log, at.root};
    const auto mailer = first.subscribe().value();
    first.run();
    CHECK(first.handled == positions{1_pos, 2_pos, 3_pos});
    CHECK(mailer.position() == 3_pos);
    CHECK(mailer.status().state == consumer_state::following);
  }
  append_some(*at.log, 2);
  program second{*at.log, at.root};
  const auto mailer = second.subscribe().value();
  CHECK(mailer.position() == 3_pos);
  second.run();
  CHECK(second.handled == positions{4_pos, 5_pos});
}

TEST_CASE("after a crash a durable subscription is called again from its checkpoint on disk on") {
  world at;
  append_some(*at.log, 2);
  {
    program first{*at.log, at.root};
    const auto mailer = first.subscribe().value();
    first.run();
    REQUIRE(first.end());
  }
  append_some(*at.log, 3);
  {
    program second{*at.log, at.root};
    const auto mailer = second.subscribe().value();
    second.run();
    REQUIRE(second.handled == positions{3_pos, 4_pos, 5_pos});
    CHECK(mailer.status().checkpoint == 2_pos);
    copy_as_crashed(at.root, at.place / "crashed");
  }
  append(*at.log);
  program third{*at.log, at.place / "crashed"};
  const auto mailer = third.subscribe().value();
  third.run();
  CHECK(third.handled == positions{3_pos, 4_pos, 5_pos, 6_pos});
}

TEST_CASE("a new name begins where its options say, and an old one at its checkpoint") {
  world at;
  append_some(*at.log, 3);
  const auto subscribe_at = [&](subscription_start start) {
    auto options = one_attempt();
    options.start = start;
    program one{*at.log, at.root};
    const auto mailer = one.subscribe(event_selection::all(), options).value();
    one.run();
    return one.handled;
  };
  SUBCASE("now") {
    CHECK(subscribe_at(subscription_start::now()).empty());
    append(*at.log);
    CHECK(subscribe_at(subscription_start::beginning()) == positions{4_pos});
  }
  SUBCASE("after a position") {
    CHECK(subscribe_at(subscription_start::after(2_pos)) == positions{3_pos});
    append(*at.log);
    CHECK(subscribe_at(subscription_start::now()) == positions{4_pos});
  }
  SUBCASE("beyond the end: refused") {
    program one{*at.log, at.root};
    auto options = one_attempt();
    options.start = subscription_start::after(4_pos);
    CHECK(one.subscribe(event_selection::all(), options).error().code() == errc::invalid_argument);
  }
}

TEST_CASE("an event whose handler fails stops a durable subscription until an operator decides") {
  world at;
  append_some(*at.log, 4);
  std::optional<kind> decision;
  positions rest;
  SUBCASE("retry") {
    decision = kind::retry;
    rest = {3_pos, 4_pos};
  }
  SUBCASE("park") {
    decision = kind::park;
    rest = {4_pos};
  }
  SUBCASE("skip") {
    decision = kind::skip;
    rest = {4_pos};
  }
  std::vector<cairn::subscription_decision> decided;
  {
    program one{*at.log, at.root};
    one.failures[3_pos] = 1;
    auto mailer = one.subscribe().value();
    one.run();
    CHECK(one.handled == positions{1_pos, 2_pos});
    const auto status = mailer.status();
    CHECK(status.state == consumer_state::stopped);
    CHECK(status.position == 2_pos);
    CHECK(status.lag_events == 2);
    CHECK(status.attempts == 1);
    REQUIRE(status.last_error);
    CHECK(status.last_error->code() == errc::handler_failed);
    CHECK(status.last_error->position() == 3_pos);
    CHECK(status.last_error->message().find("does not answer") != std::string::npos);
    const auto made = *decision == kind::retry  ? mailer.retry("the server is up again")
                      : *decision == kind::park ? mailer.park("the server is up again")
                                                : mailer.skip("the server is up again");
    REQUIRE(made);
    CHECK(mailer.skip("nothing").error().code() == errc::not_found);
    decided = mailer.decisions().value();
    REQUIRE(decided.size() == 1);
    CHECK(decided[0].what == *decision);
    CHECK(decided[0].position == 3_pos);
    CHECK(decided[0].stream == "account/a");
    CHECK(mailer.parked().value().size() == (*decision == kind::park ? 1 : 0));
    copy_as_crashed(at.root, at.place / "crashed"); // right after the decision
    one.run();
    CHECK(mailer.status().state == consumer_state::following);
  }
  program two{*at.log, at.place / "crashed"};
  const auto mailer = two.subscribe().value();
  CHECK(mailer.decisions().value() == decided);
  two.run();
  CHECK(two.handled == rest);
}

TEST_CASE("an event whose handler fails is tried again first, and those before it are not") {
  world at;
  append_some(*at.log, 3);
  program one{*at.log, at.root};
  one.failures[2_pos] = 2;
  std::vector<std::chrono::milliseconds> pauses;
  cairn::durable_subscription_options options;
  options.max_attempts = 3;
  options.pause_between_attempts = [&](std::chrono::milliseconds time) { pauses.push_back(time); };
  const auto mailer = one.subscribe(event_selection::all(), options).value();
  one.run();
  CHECK(one.handled == positions{1_pos, 2_pos, 3_pos});
  CHECK(pauses == std::vector{10ms, 20ms});
}

TEST_CASE("an error that the handler returns counts as an exception that it throws") {
  world at;
  append_some(*at.log, 2);
  const cairn::detail::consumer_environment stepped{.by_threads = false};
  cairn::detail::durable_set set{*at.log, {}, stepped};
  positions handled;
  bool is_full = true;
  const auto record = [&](const cairn::event_info& info, const test::deposited&) {
    if (info.position == 2_pos && is_full)
      return cairn::result<void>{cairn::error{errc::overloaded, "the queue is full"}};
    handled.push_back(info.position);
    return cairn::result<void>{};
  };
  cairn::detail::typed_handler<test::account, decltype(record)> typed{record};
  auto queue =
      set.subscribe(
             "queue", event_selection::of_type("account"),
             [&](const cairn::event_view& event) { return typed.handle(event); }, one_attempt())
          .value();
  while (set.turn()) {
  }
  CHECK(handled == positions{1_pos});
  REQUIRE(queue.status().last_error);
  CHECK(queue.status().last_error->code() == errc::handler_failed);
  CHECK(queue.status().last_error->position() == 2_pos);
  CHECK(queue.status().last_error->message().find("the queue is full") != std::string::npos);
  is_full = false;
  REQUIRE(queue.retry("there is room again"));
  while (set.turn()) {
  }
  CHECK(handled == positions{1_pos, 2_pos});
}

TEST_CASE("a runtime has one durable subscription of a name, until that is closed") {
  world at;
  append(*at.log);
  program one{*at.log, at.root};
  auto mailer = one.subscribe().value();
  const auto second = one.subscribe();
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == errc::already_open);
  CHECK(second.error().message().find("mailer") != std::string::npos);
  const auto other = one.subscribe(event_selection::all(), one_attempt(), "auditor");
  CHECK(other);
  one.run();
  CHECK(one.handled == positions{1_pos, 1_pos});
  REQUIRE(mailer.close());
  CHECK(mailer.status().state == consumer_state::closed);
  CHECK(mailer.skip("nothing").error().code() == errc::shut_down);
  append(*at.log);
  mailer = one.subscribe().value();
  one.run();
  CHECK(one.handled == positions{1_pos, 1_pos, 2_pos, 2_pos});
}

TEST_CASE("a durable subscription that another opening of the directory has is refused") {
  world at;
  program one{*at.log, at.root};
  const auto mailer = one.subscribe().value();
  program two{*at.log, at.root};
  const auto refused = two.subscribe();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::already_open); // `locked`, in another process
}

TEST_CASE("a name that followed other events is refused, and both are named") {
  world at;
  append(*at.log);
  {
    program one{*at.log, at.root};
    const auto mailer = one.subscribe(event_selection::of_type("account")).value();
  }
  program two{*at.log, at.root};
  const auto refused = two.subscribe(event_selection::tagged("urgent"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::invalid_argument);
  CHECK(refused.error().message().find("the events of type account") != std::string::npos);
  CHECK(refused.error().message().find("the events with tag urgent") != std::string::npos);
  CHECK(two.subscribe(event_selection::of_type("account")));
}

TEST_CASE("a checkpoint of another history is refused") {
  world at;
  append_some(*at.log, 2);
  {
    program one{*at.log, at.root};
    const auto mailer = one.subscribe().value();
    one.run();
  }
  const auto other = cairn::make_memory_journal();
  append_some(*other, 1); // shorter; and then as long, but another
  for (int i = 0; i < 2; ++i, append(*other, "b")) {
    program two{*other, at.root};
    CHECK(two.subscribe().error().code() == errc::corrupt_journal);
  }
}

TEST_CASE("a durable subscription passes over what is not selected, and its checkpoint with it") {
  world at;
  for (const auto* id : {"a", "b", "b", "a", "b"})
    append(*at.log, id);
  const auto only_a = event_selection::of_stream(cairn::stream_id::make("account", "a").value());
  {
    program one{*at.log, at.root};
    const auto mailer = one.subscribe(only_a).value();
    one.run();
    CHECK(one.handled == positions{1_pos, 4_pos});
    CHECK(mailer.position() == 5_pos);
  }
  append(*at.log, "a");
  program two{*at.log, at.root};
  const auto mailer = two.subscribe(only_a).value();
  CHECK(mailer.position() == 5_pos);
  two.run();
  CHECK(two.handled == positions{6_pos});
}

TEST_CASE("a paused durable subscription handles nothing, and tells how far it lags") {
  world at;
  program one{*at.log, {}};
  auto mailer = one.subscribe().value();
  append(*at.log);
  one.run();
  mailer.pause();
  append_some(*at.log, 2);
  one.run();
  CHECK(one.handled == positions{1_pos});
  const auto status = mailer.status();
  CHECK(status.name == "mailer");
  CHECK(status.state == consumer_state::paused);
  CHECK(status.head == 3_pos);
  CHECK(status.lag_events == 2);
  mailer.resume();
  one.run();
  CHECK(one.handled == positions{1_pos, 2_pos, 3_pos});
  CHECK(mailer.status().lag_events == 0);
}

TEST_CASE("a durable subscription's name and options are checked") {
  world at;
  program one{*at.log, {}};
  for (const auto* name : {"", "Mailer", "../mailer", "a/b"})
    CHECK(one.subscribe(event_selection::all(), one_attempt(), name).error().code()
          == errc::invalid_argument);
  auto options = one_attempt();
  options.max_attempts = 0;
  CHECK(one.subscribe(event_selection::all(), options).error().code() == errc::invalid_argument);
  options = one_attempt();
  options.max_batch_events = 0;
  CHECK(one.subscribe(event_selection::all(), options).error().code() == errc::invalid_argument);
}
