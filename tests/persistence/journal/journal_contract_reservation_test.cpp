// A key belongs to one stream at most, whatever happens.

#include "child_process.hpp"
#include "journal_fixture.hpp"
#include "literals.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

using namespace cairn;
using namespace cairn::test;

namespace {

using reservations = std::vector<reservation>;

event_batch claiming(const stream_id& stream, const reservations& wanted) {
  event_batch batch;
  must(batch.add(stream, {.reservations = wanted}, capnp::typeId<Noted>(),
                 [&](capnp::AnyPointer::Builder payload) { note(payload, 1); }));
  return batch;
}

result<commit> claim(journal& journal, const stream_id& stream, const reservations& wanted) {
  return journal.append(stream, expected_version::any(), claiming(stream, wanted));
}

std::string holder(const journal& journal, std::string_view key) {
  const auto found = must(journal.holder_of(key));
  return found ? std::string{found->id()} : "";
}

/// Who holds what, by the log alone.
std::map<std::string, std::string> holders_in_log(const journal& journal) {
  std::map<std::string, std::string> all;
  must(journal.replay_all(1_pos, [&](const event_view& event) {
    for (const auto wanted : event.reservations()) {
      const std::string key = wanted.getKey().cStr();
      const auto id = must(stream_id::parse(event.stream()));
      if (auto& held = all[key]; wanted.getRelease()) {
        CHECK((held.empty() || held == id.id()));
        held.clear();
      } else {
        CHECK((held.empty() || held == id.id()));
        held = id.id();
      }
    }
    return visit_result::proceed;
  }));
  return all;
}

void check_holders(const journal& journal) {
  for (const auto& entry : holders_in_log(journal)) {
    const auto& key = entry.first; // clang 14 lets no lambda, so no message, name a binding
    CHECK_MESSAGE(holder(journal, key) == entry.second, key);
  }
  CHECK(holder(journal, "no such key").empty());
}

reservations random_reservations(std::mt19937& random) {
  reservations wanted;
  for (auto count = random() % 3; count > 0; --count)
    wanted.push_back({"key " + std::to_string(random() % 6), random() % 3 == 0});
  return wanted;
}

} // namespace

TEST_CASE("a key belongs to the stream that reserved it first, until that one releases it") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a"), b = stream("b");
    must(claim(journal, a, {{"ada@example.org"}}));
    CHECK(holder(journal, "ada@example.org") == "a");
    const auto refusal = failure_of(claim(journal, b, {{"other"}, {"ada@example.org"}}));
    CHECK(refusal.code() == errc::key_held);
    CHECK(refusal.message() == "the key ada@example.org is held by test/a");
    CHECK(holder(journal, "other").empty());
    CHECK(must(journal.head(b)).version == 0_ver);
    must(claim(journal, a, {{"ada@example.org"}})); // its own again
    must(claim(journal, a, {{"ada@example.org", true}}));
    CHECK(holder(journal, "ada@example.org").empty());
    must(claim(journal, b, {{"ada@example.org"}}));
    CHECK(holder(journal, "ada@example.org") == "b");
  }
}

TEST_CASE("only the holder releases a key; one that nobody holds may be released by anybody") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a"), b = stream("b");
    must(claim(journal, a, {{"k", true}}));
    must(claim(journal, a, {{"k"}}));
    CHECK(failure_of(claim(journal, b, {{"k", true}})).code() == errc::key_held);
    CHECK(holder(journal, "k") == "a");
  }
}

TEST_CASE("the reservations of one append take effect in their order") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(claim(journal, a, {{"k"}, {"k", true}, {"l", true}, {"l"}}));
    CHECK(holder(journal, "k").empty());
    CHECK(holder(journal, "l") == "a");
  }
}

TEST_CASE("of several streams that want a key at once exactly one gets it") {
  FOR_EACH_JOURNAL(journal) {
    constexpr std::size_t wanted_keys = 50, threads = 4;
    std::array<std::vector<std::string>, threads> got;
    std::vector<std::thread> all;
    for (std::size_t t = 0; t < threads; ++t)
      all.emplace_back([&, t] {
        const auto mine = stream_id::make("test", std::to_string(t)).value();
        for (std::size_t k = 0; k < wanted_keys; ++k) {
          const auto key = "key " + std::to_string(k);
          event_batch batch;
          const std::array wanted{reservation{key}};
          (void)batch.add(mine, {.reservations = wanted}, capnp::typeId<Noted>(),
                          [](capnp::AnyPointer::Builder payload) { payload.initAs<Noted>(); });
          if (journal.append(mine, expected_version::any(), std::move(batch)))
            got[t].push_back(key);
        }
      });
    for (auto& thread : all)
      thread.join();
    std::size_t sum = 0;
    for (std::size_t t = 0; t < threads; ++t) {
      sum += got[t].size();
      for (const auto& key : got[t])
        CHECK(holder(journal, key) == std::to_string(t));
    }
    CHECK(sum == wanted_keys);
  }
}

TEST_CASE("what is no key is refused, wherever it is given") {
  const auto a = stream("a");
  FOR_EACH_JOURNAL(journal) {
    for (const std::string& text :
         {std::string{}, std::string(256, 'x'), std::string{"a\nb"}, std::string{"\xff"}}) {
      CHECK(failure_of(journal.holder_of(text)).code() == errc::invalid_argument);
      event_batch batch;
      const std::array wanted{reservation{text}};
      CHECK(failure_of(batch.add(a, {.reservations = wanted}, 1, [](capnp::AnyPointer::Builder) {}))
                .code()
            == errc::invalid_argument);
      CHECK(batch.reservations().empty());
    }
    must(claim(journal, a, {{std::string(255, 'x')}}));
    CHECK(holder(journal, std::string(255, 'x')) == "a");
    must(journal.close());
    CHECK(failure_of(journal.holder_of("k")).code() == errc::shut_down);
  }
  event_batch batch;
  const std::vector<reservation> many(max_reservations + 1, reservation{"x"});
  CHECK(failure_of(batch.add(a, {.reservations = many}, 1, [](capnp::AnyPointer::Builder) {}))
            .message()
        == "an event has 17 reservations; the limit is 16");
}

TEST_CASE("who holds what is as the log says, whatever is flushed, for a reader and reopened") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  for (int opening = 0; opening < 4; ++opening) {
    {
      const auto journal = must(open_lmdb_journal(options));
      check_holders(*journal);
      for (int round = 0; round < 60; ++round) {
        const auto outcome =
            claim(*journal, stream(std::to_string(random() % 3)), random_reservations(random));
        CHECK((outcome || outcome.error().code() == errc::key_held));
        if (round % 10 == 0)
          check_holders(*journal);
      }
      const auto copy = small_options(crashed_copy(directory / "j", directory / "copy"));
      check_holders(*must(open_lmdb_journal_for_reading(copy)));
      must(verify_lmdb_journal(copy));
      check_holders(*must(open_lmdb_journal(copy)));
    }
    must(verify_lmdb_journal(options));
  }
}

TEST_CASE("a key that was given out stays given out when the process is killed") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  std::map<std::string, std::string> told; // key to the stream that was told it holds it
  std::mt19937 random{5};
  for (int round = 0; round < 10; ++round) {
    child_process writer{[&](int pipe) {
      auto opened = open_lmdb_journal(options);
      if (!opened)
        return 1;
      std::mt19937 choice{static_cast<unsigned>(round)};
      for (;;) {
        const auto id = std::to_string(choice() % 3);
        const auto key = "key " + std::to_string(choice() % 40);
        const auto outcome = claim(**opened, stream(id), {{key}});
        if (outcome)
          say(pipe, id + key);
        else if (outcome.error().code() != errc::key_held)
          return 2;
      }
    }};
    const auto take = [&](const std::string& line) {
      const auto& held = told.emplace(line.substr(1), line.substr(0, 1)).first->second;
      CHECK(held == line.substr(0, 1));
    };
    for (auto lines = 1 + random() % 15; lines > 0; --lines)
      take(writer.read_line());
    writer.kill();
    CHECK(writer.wait().signal == SIGKILL);
    for (std::string line; !(line = writer.read_line()).empty();)
      take(line);
    {
      const auto journal = must(open_lmdb_journal(options));
      check_holders(*journal);
      for (const auto& [key, id] : told)
        CHECK(holder(*journal, key) == id);
    }
    must(verify_lmdb_journal(options));
  }
}

TEST_CASE("reservations stand in the record of their event, and cost no other record a byte") {
  const auto a = stream("a");
  event_batch with = claiming(a, {{"k"}}), without = claiming(a, {});
  CHECK(with.bytes() > without.bytes());
  CHECK(without.bytes() == notes(a, 1).bytes());
}
