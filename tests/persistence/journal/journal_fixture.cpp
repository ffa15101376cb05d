#include "journal_fixture.hpp"

#include "read_aside_journal.hpp"

#include <cstdlib>
#include <ostream>

namespace cairn::test {

temporary_directory::temporary_directory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "cairn-test-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

stream_id stream(std::string_view id) {
  return must(stream_id::make("test", id));
}

void note(capnp::AnyPointer::Builder payload, std::uint64_t number, std::size_t blob_bytes) {
  auto noted = payload.initAs<Noted>();
  noted.setNumber(number);
  if (blob_bytes > 0) {
    auto blob = noted.initBlob(static_cast<unsigned>(blob_bytes));
    for (std::size_t i = 0; i < blob_bytes; ++i)
      blob[i] = static_cast<kj::byte>(number + i);
  }
}

event_batch notes(const stream_id& stream, std::uint64_t first, std::size_t count,
                  std::size_t blob_bytes) {
  event_batch batch{std::size_t{16} << 20};
  for (std::uint64_t number = first; number < first + count; ++number)
    must(batch.add(stream, {}, capnp::typeId<Noted>(),
                   [&](capnp::AnyPointer::Builder payload) { note(payload, number, blob_bytes); }));
  return batch;
}

std::uint64_t number_in(const event_view& event) {
  return event.payload().getAs<Noted>().getNumber();
}

std::ostream& operator<<(std::ostream& out, const seen_event& event) {
  return out << "{position " << event.position << ", version " << event.version << ", number "
             << event.number << "}";
}

std::vector<seen_event> events_of(const journal& journal, const stream_id& stream, version from,
                                  version to) {
  std::vector<seen_event> seen;
  must(journal.replay(stream, from, to, [&](const event_view& event) {
    CHECK(event.stream() == stream.name());
    seen.push_back({event.position(), event.version(), number_in(event)});
    return visit_result::proceed;
  }));
  return seen;
}

std::vector<seen_event> all_events(const journal& journal, position from) {
  std::vector<seen_event> seen;
  must(journal.replay_all(from, [&](const event_view& event) {
    seen.push_back({event.position(), event.version(), number_in(event)});
    return visit_result::proceed;
  }));
  return seen;
}

snapshot_draft tally(const stream_id& stream, stream_head at, std::uint64_t sum,
                     std::uint64_t fingerprint) {
  return snapshot_draft::encode(stream, at, fingerprint, {}, [&](capnp::AnyPointer::Builder state) {
    state.initAs<Tally>().setSum(sum);
  });
}

std::optional<std::uint64_t> kept_tally(const journal& journal, const stream_id& stream) {
  std::optional<std::uint64_t> sum;
  const bool found = must(journal.load_snapshot(stream, [&](const snapshot_view& snapshot) {
    sum = snapshot.record.getState().getAs<Tally>().getSum();
  }));
  CHECK(found == sum.has_value());
  return sum;
}

void barrier(journal& journal, const stream_id& stream) {
  must(journal.append(stream, expected_version::any(), event_batch{}));
}

std::filesystem::path crashed_copy(const std::filesystem::path& directory,
                                   const std::filesystem::path& to, std::string_view file) {
  std::filesystem::remove_all(to);
  std::filesystem::create_directory(to);
  std::filesystem::permissions(to, std::filesystem::perms::owner_all);
  std::filesystem::copy_file(directory / file, to / file);
  return to;
}

lmdb_journal_options small_options(const std::filesystem::path& directory) {
  lmdb_journal_options options{.directory = directory};
  options.map_bytes = std::size_t{256} << 20;
  options.max_commit_events = 8;
  options.flush_interval_events = 16;
  options.free_space_watermark_bytes = 0;
  return options;
}

const std::vector<implementation>& implementations() {
  static const std::vector<implementation> all{
      {"in memory", [](const auto&) { return make_memory_journal(); }},
      {"on LMDB",
       [](const auto& directory) { return must(open_lmdb_journal({.directory = directory})); }},
      {"on LMDB with tiny commits and flush cycles",
       [](const auto& directory) { return must(open_lmdb_journal(small_options(directory))); }},
      {"on LMDB, read as by another process",
       [](const auto& directory) { return std::make_unique<read_aside_journal>(directory); }}};
  return all;
}

} // namespace cairn::test
