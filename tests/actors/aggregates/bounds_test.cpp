#include "engine_fixture.hpp"
#include "literals.hpp"

#include <string>
#include <vector>

using namespace test;
using cairn::errc;

TEST_CASE_FIXTURE(engine_fixture,
                  "beyond an aggregate's bound the caller gets overloaded at once") {
  auto accounts = engine.host<account>({.max_outstanding = 3});
  journal.hold();
  std::vector<cairn::future<cairn::reply>> accepted;
  for (int i = 0; i < 3; ++i)
    accepted.push_back(accounts.ask("a", put(1)));
  auto refused = accounts.ask("a", put(1));
  auto refused_query = balance_of(accounts, "a");
  REQUIRE(refused.ready());
  REQUIRE(refused_query.ready());
  const auto error = settled(refused).error();
  CHECK(error.code() == errc::overloaded);
  CHECK(error.message().find("3 requests") != std::string::npos);
  CHECK(engine.figures().overloaded == 2);
  auto elsewhere = accounts.ask("b", put(1));
  CHECK(!elsewhere.ready()); // another aggregate has its own

  engine.run();
  CHECK(accounts.ask("a", put(1)).get().error().code() == errc::overloaded); // still in flight
  journal.release_all();
  engine.run();
  for (auto& call : accepted)
    CHECK(settled(call).value().accepted());
  CHECK(settled(elsewhere).value().accepted());
  journal.stop_holding();
  CHECK(engine.finish(accounts.ask("a", put(1))).value().version() == 4_ver);
}

TEST_CASE("beyond the runtime's bound of requests the caller gets overloaded at once") {
  scripted_journal journal;
  test_engine engine{journal, {.max_outstanding = 3}};
  auto accounts = engine.host<account>();
  auto a = accounts.ask("a", put(1));
  auto b = accounts.ask("b", put(1));
  auto c = balance_of(accounts, "c");
  auto refused = accounts.ask("d", put(1));
  REQUIRE(refused.ready());
  CHECK(settled(refused).error().code() == errc::overloaded);
  CHECK(engine.figures().outstanding == 3);
  engine.run();
  CHECK(settled(a).value().accepted());
  CHECK(settled(b).value().accepted());
  CHECK(settled(c).value() == 0);
  CHECK(engine.figures().outstanding == 0);
  CHECK(engine.finish(accounts.ask("d", put(1))).value().version() == 1_ver);
}

TEST_CASE("beyond the runtime's bound of bytes the caller gets overloaded at once") {
  scripted_journal journal;
  test_engine engine{journal, {.max_outstanding_bytes = 20'000}};
  auto accounts = engine.host<account>();
  auto large = accounts.ask("a", put(1, std::string(15'000, 'x')));
  auto refused = accounts.ask("b", put(1, std::string(6'000, 'x')));
  auto small = accounts.ask("b", put(1));
  REQUIRE(refused.ready());
  CHECK(settled(refused).error().code() == errc::overloaded);
  CHECK(!small.ready());
  engine.run();
  CHECK(settled(large).value().accepted());
  CHECK(settled(small).value().version() == 1_ver);
  CHECK(engine.figures().outstanding_bytes == 0);
}

TEST_CASE("who sends the next request from a continuation finds room") {
  scripted_journal journal;
  test_engine engine{journal, {.max_outstanding = 1}};
  auto accounts = engine.host<account>({.max_outstanding = 1});
  int accepted = 0;
  std::function<void()> next = [&] {
    accounts.ask("a", put(1)).then([&](cairn::result<cairn::reply>&& outcome) {
      REQUIRE(outcome);
      if (++accepted < 10)
        next();
    });
  };
  next();
  engine.run();
  CHECK(accepted == 10);
}

TEST_CASE("a quarter beyond the bound of residents new aggregates are refused") {
  scripted_journal journal;
  test_engine engine{journal, {.max_resident = 4}};
  auto accounts = engine.host<account>();
  journal.hold();
  std::vector<cairn::future<cairn::reply>> sent;
  constexpr int room = 4 + 1 + 16;
  for (int i = 0; i < room; ++i)
    sent.push_back(accounts.ask("a" + std::to_string(i), put(1)));
  engine.run(); // all are at work: none can leave
  auto refused = accounts.ask("one too many", put(1));
  REQUIRE(refused.ready());
  CHECK(settled(refused).error().code() == errc::overloaded);
  auto known = accounts.ask("a0", put(1));
  engine.run();
  journal.release_all();
  engine.run();
  journal.stop_holding();
  for (auto& call : sent)
    CHECK(settled(call).value().accepted());
  CHECK(settled(known).value().version() == 2_ver);
  engine.pass(0s);
  CHECK(engine.figures().resident <= 4);
  CHECK(engine.finish(accounts.ask("one too many", put(1))).value().version() == 1_ver);
}

TEST_CASE("the largest bounds there are mean no bound") {
  scripted_journal journal;
  constexpr auto most = std::numeric_limits<std::size_t>::max();
  test_engine engine{journal,
                     {.max_outstanding = most,
                      .max_outstanding_bytes = most,
                      .max_resident = most,
                      .max_resident_bytes = most,
                      .max_concurrent_rehydrations = most}};
  auto accounts = engine.host<account>({.max_outstanding = most});
  for (int i = 0; i < 50; ++i)
    CHECK(engine.finish(accounts.ask("a" + std::to_string(i), put(1))));
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a deadline that passes in the queue fails the call, and nothing is written") {
  auto accounts = engine.host<account>();
  cairn::ask_options soon;
  soon.deadline = engine.now() + 1s;
  auto late = accounts.ask("a", put(1), soon);
  auto late_query = accounts.query("a", [](const account_state& now) { return now.balance; },
                                   {.deadline = engine.now() + 1s});
  cairn::ask_options exactly;
  exactly.deadline = engine.now() + 2s;
  auto in_time = accounts.ask("a", put(1), exactly);
  engine.pass_time_only(2s);
  engine.run();
  CHECK(settled(late).error().code() == errc::deadline_exceeded);
  CHECK(settled(late_query).error().code() == errc::deadline_exceeded);
  CHECK(settled(in_time).value().version() == 1_ver);
  CHECK(journal.last_position() == 1_pos);
  CHECK(engine.figures().outstanding == 0);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a deadline does not cut short the waiting for a decided command") {
  auto accounts = engine.host<account>();
  journal.hold();
  cairn::ask_options soon;
  soon.deadline = engine.now() + 1s;
  auto decided = accounts.ask("a", put(1), soon);
  engine.run();
  engine.pass(10s);
  CHECK(!decided.ready());
  journal.release_all();
  CHECK(engine.finish(std::move(decided)).value().version() == 1_ver);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a deadline that passes while a failed append is waited for counts") {
  auto accounts = engine.host<account>();
  journal.hold();
  auto first = accounts.ask("a", put(1));
  engine.run();
  auto second = accounts.ask("a", put(1));
  engine.run();
  journal.fail_one({errc::storage_full, "no room"});
  engine.run();
  cairn::ask_options soon;
  soon.deadline = engine.now() + 1s;
  auto waiting = accounts.ask("a", put(1), soon);
  engine.run();
  engine.pass_time_only(5s);
  journal.release_all();
  journal.stop_holding();
  CHECK(engine.finish(std::move(waiting)).error().code() == errc::deadline_exceeded);
  CHECK(!settled(first));
  CHECK(!settled(second));
}

TEST_CASE_FIXTURE(engine_fixture, "ids are checked at the edge, and the answer names the limit") {
  auto accounts = engine.host<account>();
  const auto refused = [&](std::string_view id) {
    auto call = accounts.ask(id, put(1));
    REQUIRE(call.ready());
    const auto error = settled(call).error();
    CHECK(error.code() == errc::invalid_argument);
    CHECK(balance_of(accounts, id).get().error().code() == errc::invalid_argument);
    CHECK(accounts.state_at_version(id, 1_ver).error().code() == errc::invalid_argument);
    return error.message();
  };
  CHECK(refused("") != "");
  CHECK(refused(std::string(256, 'a')).find("255") != std::string::npos);
  CHECK(refused("new\nline") != "");
  CHECK(refused(std::string_view{"nul\0in it", 9}) != "");
  CHECK(refused("\x7f") != "");
  CHECK(refused("\xff\xfe") != "");
  CHECK(refused("\xc0\xaf") != "");     // over-long encoding of a slash
  CHECK(refused("\xed\xa0\x80") != ""); // a surrogate
  CHECK(engine.figures().outstanding == 0);
  CHECK(engine.figures().resident == 0);
  CHECK(engine.finish(accounts.ask(std::string(255, 'a'), put(1))).value().accepted());
  CHECK(engine.finish(accounts.ask("Käsekuchen / 1 %", put(1))).value().accepted());
}

TEST_CASE("an event beyond the limit is refused with the limit named, and changes nothing") {
  scripted_journal journal;
  test_engine engine{journal, {.max_event_bytes = 4096}};
  auto accounts = engine.host<account>();
  auto before = accounts.ask("a", put(1));
  auto large = accounts.ask("a", put(1, std::string(5000, 'x')));
  auto after = accounts.ask("a", put(1));
  engine.run();
  CHECK(settled(before).value().version() == 1_ver);
  const auto error = settled(large).error();
  CHECK(error.code() == errc::invalid_argument);
  CHECK(error.message().find("4096") != std::string::npos);
  CHECK(settled(after).value().version() == 2_ver);
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 2);
}
