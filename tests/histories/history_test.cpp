#include "history.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace histories;
using kind = operation::kind;
using outcome = operation::outcome;

namespace {

constexpr std::uint64_t window = 2;

/// A history of one page: commands of tokens 1, 2, 3... that were accepted one after another.
struct sample {
  std::vector<operation> asked;
  std::vector<durable_event> events;
  std::uint64_t now = 10;

  std::uint64_t last() const { return events.size(); }
  std::uint64_t digest_at(std::uint64_t version) const {
    std::uint64_t digest = 0;
    for (std::uint64_t i = 0; i < version; ++i)
      digest = digest_after(digest, events[i].what);
    return digest;
  }
  void write_events(std::uint64_t token, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i)
      events.push_back({last() + 1, 100 + last(), {token, i, count}});
  }
  operation& call(kind what, std::uint64_t token, std::uint32_t count) {
    operation made{
        .what = what, .count = count, .token = token, .expected = std::nullopt, .why = {}};
    made.invoked = now;
    made.returned = now + 5;
    now += 10;
    return asked.emplace_back(made);
  }
  operation& answer(operation& to, outcome told, std::uint64_t version) {
    to.told = told;
    to.version = version;
    if (version > 0 && version <= last())
      to.position = events[version - 1].position;
    if (told == outcome::unknown || told == outcome::nothing_written)
      to.version = to.position = 0;
    return to;
  }
  operation& accepted(std::uint64_t token, std::uint32_t count = 1) {
    write_events(token, count);
    return answer(call(kind::write, token, count), outcome::accepted, last());
  }
  operation& seen(std::uint64_t version) {
    const auto digest = version <= last() ? digest_at(version) : 0;
    auto& made = answer(call(kind::query, 0, 0), outcome::answered, version);
    made.digest = digest;
    return made;
  }
  operation& again(std::uint64_t token, outcome told, std::uint64_t version = 0) {
    return answer(call(kind::write, token, 1), told, version);
  }
  /// The first contradiction; empty: there is none.
  std::string wrong() const {
    std::string first;
    check_page(asked, events, {.deduplication_window = window}, [&](const std::string& what) {
      if (first.empty())
        first = what;
    });
    return first;
  }
  bool fails_with(const std::string& text) const {
    const auto found = wrong();
    CAPTURE(found);
    return found.find(text) != std::string::npos;
  }
};

} // namespace

TEST_CASE("what happened one after another is no contradiction") {
  sample good;
  good.seen(0);
  good.accepted(1, 3);
  good.seen(3);
  good.again(1, outcome::repeated, 3);
  good.accepted(2).expected = 3;
  good.again(9, outcome::nothing_written);
  good.again(8, outcome::conflict, 4).expected = 2;
  good.seen(4);
  CHECK(good.wrong() == "");
}

TEST_CASE("what overlaps may have happened in either order") {
  sample good;
  auto& first = good.accepted(1);
  first.returned = 100;
  good.seen(0).returned = 90;
  good.seen(1);
  CHECK(good.wrong() == "");
}

TEST_CASE("a query that misses what was acknowledged before it is noticed") {
  sample bad;
  bad.accepted(1);
  bad.seen(0);
  CHECK(bad.fails_with("out of order"));
}

TEST_CASE("a query that sees less than another one before it is noticed") {
  sample bad;
  bad.accepted(1).returned = 1000;
  bad.seen(1);
  bad.seen(0);
  CHECK(bad.fails_with("out of order"));
}

TEST_CASE("a command that takes effect before one that had ended is noticed") {
  sample bad;
  bad.accepted(1);
  bad.accepted(2);
  std::swap(bad.asked[0].invoked, bad.asked[1].invoked);
  std::swap(bad.asked[0].returned, bad.asked[1].returned);
  CHECK(bad.fails_with("out of order"));
}

TEST_CASE("an acknowledged command that is not in the journal is noticed") {
  sample bad;
  bad.accepted(1);
  bad.again(2, outcome::accepted, 2).position = 101;
  CHECK(bad.fails_with("accepted, and not in the journal"));
}

TEST_CASE("an acknowledgement with another position than the journal's is noticed") {
  sample bad;
  bad.accepted(1).position = 7;
  CHECK(bad.fails_with("wrong position"));
}

TEST_CASE("a query that saw what was then lost is noticed") {
  sample bad;
  bad.accepted(1);
  bad.seen(2);
  CHECK(bad.fails_with("never been"));
  bad.asked.pop_back();
  bad.seen(1).digest ^= 1;
  CHECK(bad.fails_with("not the state"));
}

TEST_CASE("a query that saw a command in part is noticed") {
  sample bad;
  bad.accepted(1, 3).returned = 1000;
  bad.seen(2);
  CHECK(bad.fails_with("never been"));
}

TEST_CASE("a command of unknown outcome has its effect once or never") {
  sample good;
  good.accepted(1);
  good.again(2, outcome::unknown).returned = never;
  CHECK(good.wrong() == "");
  good.write_events(2, 1);
  good.seen(2);
  good.again(2, outcome::repeated, 2);
  CHECK(good.wrong() == "");
  sample bad = good;
  bad.write_events(2, 1);
  CHECK(bad.fails_with("its effect twice"));
}

TEST_CASE("a command of unknown outcome that takes effect after it was settled is noticed") {
  sample bad;
  bad.again(2, outcome::unknown);
  bad.seen(0);
  bad.write_events(2, 1);
  CHECK(bad.fails_with("out of order"));
  bad.asked[0].returned = never;
  CHECK(bad.wrong() == "");
}

TEST_CASE("a command of unknown outcome that was seen before it was sent is noticed") {
  sample bad;
  bad.write_events(2, 1);
  bad.seen(1);
  bad.again(2, outcome::unknown).returned = never;
  CHECK(bad.fails_with("out of order"));
}

TEST_CASE("a command in the journal that failed without an effect, or was never sent, is noticed") {
  for (const auto told : {outcome::nothing_written, outcome::conflict}) {
    sample bad;
    bad.again(3, told).expected = 5;
    bad.write_events(3, 1);
    CHECK(bad.fails_with("nobody was told"));
  }
  sample bad;
  bad.write_events(3, 1);
  CHECK(bad.fails_with("nobody was told"));
}

TEST_CASE("a repetition within the window that has an effect, or is judged again, is noticed") {
  sample bad;
  bad.accepted(1);
  bad.accepted(2);
  auto good = bad;
  bad.accepted(1);
  CHECK(bad.fails_with("its effect twice"));
  good.accepted(3);
  good.accepted(1); // two others were between: it is forgotten
  CHECK(good.wrong() == "");

  sample judged;
  judged.accepted(1);
  judged.accepted(2);
  judged.again(1, outcome::conflict, 2).expected = 0;
  CHECK(judged.fails_with("judged again"));
}

TEST_CASE("a repetition that gets another reply is noticed") {
  sample bad;
  bad.accepted(1);
  bad.accepted(2);
  bad.again(1, outcome::repeated, 2);
  CHECK(bad.fails_with("repeated, and not in the journal"));
  bad.asked.back().version = 1;
  CHECK(bad.fails_with("another position"));
}

TEST_CASE(
    "an acceptance at another version than expected, and a conflict without one, are noticed") {
  sample bad;
  bad.accepted(1);
  bad.accepted(2).expected = 0;
  CHECK(bad.fails_with("another version than expected"));
  bad.asked.back().expected = 1;
  CHECK(bad.wrong() == "");
  bad.again(3, outcome::conflict, 2).expected = 2;
  CHECK(bad.fails_with("a conflict with the expected version"));
}

TEST_CASE("a rejection or an acceptance that no state within reach explains is noticed") {
  sample either;
  std::uint64_t odd = 1, even = 1;
  while (digest_after(0, {odd, 0, 1}) % 2 == 0)
    ++odd;
  while (digest_after(0, {even, 0, 1}) % 2 != 0)
    ++even;
  for (const bool rejects : {true, false}) {
    sample one;
    one.accepted(rejects ? odd : even);
    sample other = one;
    one.answer(one.call(kind::write_if_even, 50, 1), outcome::rejected, 1);
    CHECK((one.wrong() == "") == rejects);
    other.accepted(50).what = kind::write_if_even;
    CHECK((other.wrong() == "") == !rejects);
  }
}

TEST_CASE("a journal with a gap, a command in part, or one amid another is noticed") {
  sample gap;
  gap.accepted(1);
  gap.accepted(2).version = 3;
  gap.events.back().version = 3;
  CHECK(gap.fails_with("does not follow"));
  sample part;
  part.accepted(1, 3);
  part.events.pop_back();
  CHECK(part.fails_with("in part"));
  sample amid;
  amid.accepted(1, 2);
  amid.accepted(2);
  std::swap(amid.events[1].what, amid.events[2].what);
  CHECK(amid.fails_with("does not follow"));
}

TEST_CASE("a call without an answer is noticed") {
  sample bad;
  bad.call(kind::query, 0, 0).returned = never;
  CHECK(bad.fails_with("no answer"));
}
