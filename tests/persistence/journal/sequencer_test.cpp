// The rules that every journal shares, against a storage engine that is a few maps.

#include "journal/sequencer.hpp"

#include "journal_fixture.hpp"
#include "literals.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace cairn;
using namespace cairn::test;

namespace {

constexpr int engine_failure = 17;

struct map_store {
  std::map<std::string, stream_head> heads;
  std::map<std::string, std::string> holders;
  std::map<std::uint64_t, std::vector<std::uint64_t>> records; // by the number of the position
  std::optional<error> bad_head, bad_key;
  position fails_at;

  int find_head(const stream_id& stream, stream_head& head, std::optional<error>& objection) {
    objection = bad_head;
    head = heads[stream.name()];
    return 0;
  }
  int find_holder(const std::string& key, std::string& holder, std::optional<error>& objection) {
    objection = bad_key;
    holder = holders[key];
    return 0;
  }
  int put(cairn::position position, std::span<const capnp::word> record) {
    if (position == fails_at)
      return engine_failure;
    const auto* const words = reinterpret_cast<const std::uint64_t*>(record.data());
    CHECK(
        records.emplace(position.number(), std::vector<std::uint64_t>{words, words + record.size()})
            .second);
    return 0;
  }
  int landed(const append_operation& operation, stream_head head) {
    heads[operation.stream->name()] = head;
    for (const auto& [wanted, record] : operation.events.reservations())
      holders[wanted.key] = wanted.release ? "" : operation.stream->name();
    return 0;
  }
};
static_assert(detail::sequenced_store<map_store>);

struct no_target final : append_listener {
  void on_completed(std::vector<std::unique_ptr<append_operation>>) noexcept override {}
} nobody;

class noted_append final : public append_operation {
public:
  explicit noted_append(const stream_id& to, expected_version demand,
                        bool builds_on_refused = false)
    : append_operation{to, demand, nobody}, builds_on_refused_{builds_on_refused} {}

  bool orphaned() const noexcept override { return builds_on_refused_; }
  void refused() noexcept override { was_refused = true; }

  bool was_refused = false;

private:
  bool builds_on_refused_;
};

void add_note(append_operation& to, std::string_view key = {}, bool release = false) {
  std::vector<reservation> keys;
  if (!key.empty())
    keys.push_back({std::string{key}, release});
  must(to.events.add(*to.stream, {.reservations = keys}, capnp::typeId<Noted>(),
                     [](capnp::AnyPointer::Builder payload) { note(payload, 1); }));
}

std::optional<errc> code_of(const append_operation& operation) {
  REQUIRE(operation.outcome);
  return *operation.outcome ? std::nullopt : std::optional{operation.outcome->error().code()};
}

} // namespace

TEST_CASE("whether an append takes effect follows from version, chain and keys alone") {
  const auto any = expected_version::any(), none = expected_version::none(),
             exists = expected_version::exists(), third = expected_version::exact(3_ver);
  const std::optional<errc> lands;
  constexpr bool orphan = true, whole = false;
  struct row {
    const char* what;
    expected_version expected;
    cairn::version version; // of the stream
    bool orphaned;
    const char* holder; // of the key that it reserves; null: it reserves none; "": nobody
    std::optional<errc> refused_with;
  };
  const row table[]{
      {"any version, no stream", any, 0_ver, whole, nullptr, lands},
      {"any version, a stream", any, 9_ver, whole, nullptr, lands},
      {"no stream expected, none there", none, 0_ver, whole, nullptr, lands},
      {"no stream expected, one there", none, 1_ver, whole, nullptr, errc::version_conflict},
      {"a stream expected, none there", exists, 0_ver, whole, nullptr, errc::version_conflict},
      {"a stream expected, one there", exists, 1_ver, whole, nullptr, lands},
      {"the version", third, 3_ver, whole, nullptr, lands},
      {"a lower version", third, 2_ver, whole, nullptr, errc::version_conflict},
      {"a higher version", third, 4_ver, whole, nullptr, errc::version_conflict},
      {"an orphan at the right version", third, 3_ver, orphan, nullptr, errc::aborted},
      {"an orphan at a wrong version", third, 4_ver, orphan, nullptr, errc::aborted},
      {"a free key", any, 1_ver, whole, "", lands},
      {"a key of its own", any, 1_ver, whole, "test/a", lands},
      {"another stream's key", any, 1_ver, whole, "test/b", errc::key_held},
      {"another stream's key at a wrong version", third, 1_ver, whole, "test/b",
       errc::version_conflict},
      {"another stream's key for an orphan", any, 1_ver, orphan, "test/b", errc::aborted},
  };
  const auto a = stream("a");
  for (const row& row : table) {
    CAPTURE(row.what);
    map_store store;
    const stream_head before{row.version,
                             row.version.is_none() ? 0_pos : 5_pos + row.version.number()};
    store.heads[a.name()] = before;
    if (row.holder)
      store.holders["key"] = row.holder;
    detail::sequencer sequencer;
    sequencer.begin(100_pos, 0, 1);
    noted_append operation{a, row.expected, row.orphaned};
    add_note(operation, row.holder ? "key" : "");
    add_note(operation);
    REQUIRE(sequencer.append(operation, store) == 0);
    CHECK(code_of(operation) == row.refused_with);
    CHECK(operation.was_refused == row.refused_with.has_value());
    if (row.refused_with) {
      CHECK(store.records.empty());
      CHECK(store.heads[a.name()] == before);
      CHECK(sequencer.last_position() == 100_pos);
      if (row.refused_with == errc::version_conflict)
        CHECK(operation.outcome->error().version() == row.version);
    } else {
      CHECK(operation.outcome->value() == commit{101_pos, row.version + 1, 2});
      CHECK(store.heads[a.name()] == stream_head{row.version + 2, 102_pos});
      CHECK(sequencer.last_position() == 102_pos);
    }
  }
}

TEST_CASE("records are numbered without gaps, point back, and carry the commit's time and epoch") {
  map_store store;
  detail::sequencer sequencer;
  const auto a = stream("a"), b = stream("b");
  sequencer.begin(0_pos, 1234, 7);
  struct place {
    cairn::version version;
    position previous;
    bool operator==(const place&) const = default;
  };
  std::vector<place> expected;
  for (const stream_id* to : {&a, &b, &a}) {
    noted_append operation{*to, expected_version::any()};
    const stream_head head = store.heads[to->name()];
    add_note(operation);
    add_note(operation);
    REQUIRE(sequencer.append(operation, store) == 0);
    expected.push_back({head.version + 1, head.position});
    expected.push_back({head.version + 2, operation.outcome->value().first_position});
  }
  REQUIRE(store.records.size() == 6);
  for (const auto& [number, words] : store.records) {
    CHECK(detail::is_intact(detail::key_bytes(number), words,
                            detail::words_of<detail::event_header>));
    const auto& header = detail::header_of(words);
    CHECK(place{version{header.version}, position::from_bits(header.previous)}
          == expected[number - 1]);
    CHECK(header.recorded_at_ns == 1234);
    CHECK(header.epoch == 7);
  }
}

TEST_CASE("a refused append takes no number, and a barrier needs none") {
  map_store store;
  detail::sequencer sequencer;
  const auto a = stream("a");
  sequencer.begin(0_pos, 0, 1);
  noted_append refused{a, expected_version::exact(5_ver)},
      barrier{a, expected_version::exact(5_ver)}, last{a, expected_version::none()};
  add_note(refused);
  add_note(last);
  for (noted_append* operation : {&refused, &barrier, &last})
    REQUIRE(sequencer.append(*operation, store) == 0);
  CHECK(code_of(refused) == errc::version_conflict);
  CHECK(barrier.outcome->value() == commit{});
  CHECK(last.outcome->value() == commit{1_pos, 1_ver, 1});
}

TEST_CASE("keys that an earlier append of the same commit took or released count") {
  map_store store;
  detail::sequencer sequencer;
  const auto a = stream("a"), b = stream("b");
  sequencer.begin(0_pos, 0, 1);
  noted_append takes{a, expected_version::any()}, too_late{b, expected_version::any()},
      releases{a, expected_version::any()}, in_time{b, expected_version::any()};
  add_note(takes, "key");
  add_note(too_late, "other");
  add_note(too_late, "key");
  add_note(releases, "key", true);
  add_note(in_time, "key");
  for (noted_append* operation : {&takes, &too_late, &releases, &in_time})
    REQUIRE(sequencer.append(*operation, store) == 0);
  CHECK(code_of(too_late) == errc::key_held);
  CHECK(too_late.refused_reservation == 1);
  CHECK(!code_of(takes));
  CHECK(!code_of(releases));
  CHECK(!code_of(in_time));
}

TEST_CASE("damage that an operation meets refuses that operation and no other") {
  map_store store;
  detail::sequencer sequencer;
  const auto a = stream("a");
  sequencer.begin(0_pos, 0, 1);
  store.bad_head = error{errc::corrupt_record, "as if damaged"};
  noted_append first{a, expected_version::any(), true};
  add_note(first);
  REQUIRE(sequencer.append(first, store) == 0);
  CHECK(code_of(first) == errc::corrupt_record);
  store.bad_head.reset();
  store.bad_key = error{errc::corrupt_journal, "as if damaged"};
  noted_append second{a, expected_version::any()}, third{a, expected_version::any()};
  add_note(second, "key");
  add_note(third);
  REQUIRE(sequencer.append(second, store) == 0);
  REQUIRE(sequencer.append(third, store) == 0);
  CHECK(code_of(second) == errc::corrupt_journal);
  CHECK(third.outcome->value() == commit{1_pos, 1_ver, 1});
}

TEST_CASE("after the engine's failure the commit begins again with the same numbers") {
  map_store store;
  detail::sequencer sequencer;
  const auto a = stream("a");
  noted_append operation{a, expected_version::any()};
  add_note(operation);
  add_note(operation);
  sequencer.begin(40_pos, 0, 1);
  store.fails_at = 42_pos;
  CHECK(sequencer.append(operation, store) == engine_failure);
  store = {};
  sequencer.begin(40_pos, 0, 1);
  CHECK(sequencer.append(operation, store) == 0);
  CHECK(operation.outcome->value() == commit{41_pos, 1_ver, 2});
}
