#include "sample.hpp"

#include <capnp/blob.h>

#include <limits>

namespace crash {
namespace {

constexpr std::uint64_t event_type = 0xe000'0000'0000'0001;
constexpr int streams = 60;

std::uint64_t mix(std::uint64_t digest, std::uint64_t value) noexcept {
  digest = (digest ^ value) * 0x9e3779b97f4a7c15U; // any mixing will do: nobody is deceiving us
  return digest ^ digest >> 29;
}

std::uint64_t mix(std::uint64_t digest, capnp::Data::Reader bytes) noexcept {
  digest = mix(digest, bytes.size());
  for (const auto byte : bytes)
    digest = mix(digest, byte);
  return digest;
}

std::uint64_t mix(std::uint64_t digest, const cairn::event_view& event) {
  digest = mix(digest, event.position());
  digest = mix(digest, event.version());
  digest = mix(digest, event.previous());
  digest = mix(digest, static_cast<std::uint64_t>(event.recorded_at().time_since_epoch().count()));
  digest = mix(digest, event.command_id().low());
  const auto stream = event.stream();
  digest = mix(
      digest, capnp::Data::Reader{reinterpret_cast<const kj::byte*>(stream.data()), stream.size()});
  return mix(digest, event.payload().getAs<capnp::Data>());
}

} // namespace

sample_writer::sample_writer(cairn::journal& journal, std::uint64_t seed)
  : journal_{journal}, random_{seed} {}

cairn::result<std::uint64_t> sample_writer::append() {
  const auto& stream = sample_streams()[random_() % sample_streams().size()];
  const auto bytes_for = [&](capnp::AnyPointer::Builder into, std::size_t large) {
    const auto size = random_() % 32 == 0 ? large : random_() % 160;
    for (auto& byte : into.initAs<capnp::Data>(static_cast<unsigned>(size)))
      byte = static_cast<kj::byte>(random_());
  };
  cairn::event_batch events;
  const cairn::event_metadata metadata{.command_id = {1, random_()}};
  for (auto count = 1 + random_() % 3; count > 0; --count) {
    auto added = events.add(stream, metadata, event_type,
                            [&](capnp::AnyPointer::Builder into) { bytes_for(into, 6'000); });
    if (!added)
      return added.error();
  }
  const auto landed = journal_.append(stream, cairn::expected_version::any(), std::move(events));
  if (!landed)
    return landed.error();
  const cairn::stream_head at{landed->first_version + landed->count - 1,
                              landed->first_position + landed->count - 1};
  if (random_() % 4 == 0)
    journal_.submit_snapshot(cairn::snapshot_draft::encode(
        stream, at, 7, {}, [&](capnp::AnyPointer::Builder into) { bytes_for(into, 9'000); }));
  return at.position;
}

cairn::lmdb_journal_options sample_options(const std::filesystem::path& directory) {
  cairn::lmdb_journal_options options{.directory = directory};
  options.map_bytes = std::size_t{256} << 20;
  options.max_commit_events = 8;
  options.flush_interval_events = 32;
  options.free_space_watermark_bytes = 0;
  return options;
}

const std::vector<cairn::stream_id>& sample_streams() {
  static const auto all = [] {
    std::vector<cairn::stream_id> made;
    for (int i = 0; i < streams; ++i) // of all lengths, so that keys have many sizes
      made.push_back(
          cairn::stream_id::make("sample", std::to_string(i) + std::string(i % 7 * 11, 'x'))
              .value());
    return made;
  }();
  return all;
}

cairn::result<contents> contents_of(const cairn::journal& journal) {
  contents found;
  found.log.push_back(0);
  auto read = journal.replay_all(1, [&](const cairn::event_view& event) {
    found.log.push_back(mix(found.log.back(), event));
    return cairn::visit::go_on;
  });
  if (!read)
    return std::move(read).error();
  for (const auto& stream : sample_streams()) {
    const auto head = journal.head(stream);
    if (!head)
      return head.error();
    found.streams = mix(mix(found.streams, head->version), head->position);
    auto replayed = journal.replay(stream, 1, std::numeric_limits<std::uint64_t>::max(),
                                   [&](const cairn::event_view& event) {
                                     found.streams = mix(found.streams, event);
                                     ++found.replayed;
                                     return cairn::visit::go_on;
                                   });
    if (!replayed)
      return std::move(replayed).error();
    auto loaded = journal.load_snapshot(stream, [&](const cairn::snapshot_view& kept) {
      ++found.snapshots;
      found.streams = mix(mix(found.streams, kept.at.version), kept.record.getFingerprint());
      found.streams = mix(found.streams, kept.record.getState().getAs<capnp::Data>());
    });
    if (!loaded)
      return std::move(loaded).error();
  }
  return found;
}

} // namespace crash
