#include "sample.hpp"

#include "literals.hpp"

#include <cairn/journal.capnp.h>

#include <capnp/any.h>
#include <capnp/blob.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

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

std::uint64_t mix(std::uint64_t digest, std::string_view text) noexcept {
  return mix(digest,
             capnp::Data::Reader{reinterpret_cast<const kj::byte*>(text.data()), text.size()});
}

std::uint64_t mix(std::uint64_t digest, const cairn::event_view& event) {
  digest = mix(digest, event.position().bits());
  digest = mix(digest, event.version().number());
  digest = mix(digest, event.previous().bits());
  digest = mix(digest, static_cast<std::uint64_t>(event.recorded_at().time_since_epoch().count()));
  digest = mix(digest, event.command_id().low());
  digest = mix(digest, event.stream());
  for (const auto tag : event.tags())
    digest = mix(digest, std::string_view{tag.begin(), tag.size()});
  return mix(digest, event.payload().getAs<capnp::Data>());
}

/// Names of all lengths, so that keys have many sizes.
std::vector<std::string> names_like(const std::string& name, std::size_t count, std::size_t most) {
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i)
    made.push_back((name + std::to_string(i) + std::string(i * most / count, 'x')).substr(0, most));
  return made;
}

const std::vector<std::string> all_tags = names_like("tag", 9, cairn::max_tag_bytes);
const std::vector<std::string> all_keys = names_like("key", 24, cairn::max_key_bytes);

/// What the log says of tags and keys.
struct index_of_log {
  std::map<std::string, std::vector<cairn::position>, std::less<>> tagged;
  std::map<std::string, std::string, std::less<>> holders; // streams

  void take_in(const cairn::event_view& event) {
    for (const auto tag : event.tags())
      tagged[tag.cStr()].push_back(event.position());
    for (const auto wanted : event.reservations())
      if (wanted.getRelease())
        holders.erase(wanted.getKey().cStr());
      else
        holders[wanted.getKey().cStr()] = event.stream();
  }
};

/// Compares what the journal answers with what its log says.
cairn::result<void> read_index(const cairn::journal& journal, index_of_log& log, contents& found) {
  for (const auto& tag : all_tags) {
    std::vector<cairn::position> positions;
    auto read = journal.replay_tag(tag, 1_pos, [&](const cairn::event_view& event) {
      positions.push_back(event.position());
      found.index = mix(found.index, event);
      return cairn::visit_result::proceed;
    });
    if (!read)
      return std::move(read).error();
    found.tagged += positions.size();
    found.mistaken += positions != log.tagged[tag] ? 1 : 0;
  }
  for (const auto& key : all_keys) {
    auto holder = journal.holder_of(key);
    if (!holder)
      return std::move(holder).error();
    const std::string name = *holder ? (*holder)->name() : "";
    found.index = mix(found.index, name);
    found.held += name.empty() ? 0 : 1;
    found.mistaken += name != log.holders[key] ? 1 : 0;
  }
  return {};
}

cairn::result<void> read_schemas(const cairn::journal& journal, contents& found) {
  return journal.visit_schemas([&](const cairn::schema_generation& generation) {
    auto message = capnp::AnyStruct::Reader{generation.record};
    const auto canonical = message.canonicalize();
    const auto bytes = canonical.asBytes();
    found.schemas.push_back(
        mix(generation.number, capnp::Data::Reader{bytes.begin(), bytes.size()}));
  });
}

} // namespace

sample_writer::sample_writer(cairn::journal& journal, std::uint64_t seed,
                             std::function<void(cairn::position)> on_durable)
  : journal_{journal}, on_durable_{std::move(on_durable)}, random_{seed} {}

cairn::result<cairn::commit> sample_writer::append_and_wait(const cairn::stream_id& stream,
                                                            cairn::event_batch events) {
  struct receiver final : cairn::append_listener {
    void
    on_completed(std::vector<std::unique_ptr<cairn::append_operation>> done) noexcept override {
      const std::lock_guard lock{mutex};
      answer = done.front()->outcome;
      if (*answer && tell)
        tell((*answer)->first_position + (*answer)->count - 1);
      answered.notify_one(); // under the lock: who waits destroys this object
    }
    std::function<void(cairn::position)> tell;
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<cairn::result<cairn::commit>> answer;
  } waiting;
  waiting.tell = on_durable_;
  auto operation =
      std::make_unique<cairn::append_operation>(stream, cairn::expected_version::any(), waiting);
  operation->events = std::move(events);
  journal_.submit(std::move(operation));
  std::unique_lock lock{waiting.mutex};
  waiting.answered.wait(lock, [&] { return waiting.answer.has_value(); });
  return *std::move(waiting.answer);
}

namespace {

void fill_with_bytes(capnp::AnyPointer::Builder into, std::size_t large, std::mt19937_64& random) {
  const auto size = random() % 32 == 0 ? large : random() % 160;
  for (auto& byte : into.initAs<capnp::Data>(static_cast<unsigned>(size)))
    byte = static_cast<kj::byte>(random());
}

} // namespace

cairn::result<cairn::event_batch> sample_writer::some_events(const cairn::stream_id& stream,
                                                             bool reserving) {
  cairn::event_batch events;
  for (auto count = 1 + random_() % 3; count > 0; --count) {
    std::vector<std::string_view> tags;
    for (const auto& tag : all_tags)
      if (random_() % 6 == 0)
        tags.push_back(tag);
    std::vector<cairn::reservation> reservations;
    if (reserving && random_() % 3 == 0)
      reservations.push_back({all_keys[random_() % all_keys.size()], random_() % 2 == 0});
    auto added = events.add(
        stream, {.command_id = {1, random_()}, .tags = tags, .reservations = reservations},
        event_type,
        [&](capnp::AnyPointer::Builder into) { fill_with_bytes(into, 6'000, random_); });
    if (!added)
      return std::move(added).error();
  }
  return events;
}

cairn::result<cairn::position> sample_writer::append() {
  const auto& stream = sample_streams()[random_() % sample_streams().size()];
  cairn::result<cairn::commit> landed = cairn::commit{};
  for (const bool reserving : {true, false}) {
    auto events = some_events(stream, reserving);
    if (!events)
      return std::move(events).error();
    landed = append_and_wait(stream, *std::move(events));
    if (landed || landed.error().code() != cairn::errc::key_held)
      break;
  }
  if (!landed)
    return landed.error();
  const cairn::stream_head at{landed->first_version + landed->count - 1,
                              landed->first_position + landed->count - 1};
  if (random_() % 4 == 0)
    journal_.submit_snapshot(
        cairn::snapshot_draft::encode(stream, at, 7, {}, [&](capnp::AnyPointer::Builder into) {
          fill_with_bytes(into, 9'000, random_);
        }));
  return at.position;
}

cairn::result<void> declare_sample_schemas(cairn::journal& journal, std::uint64_t number) {
  return journal.declare_schemas({.owner = "session-" + std::to_string(number),
                                  .rows = {capnp::Schema::from<cairn::format::EventRecord>()}});
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
  index_of_log log;
  found.log.push_back(0);
  auto read = journal.replay_all(1_pos, [&](const cairn::event_view& event) {
    found.log.push_back(mix(found.log.back(), event));
    found.epoch = event.epoch();
    log.take_in(event);
    return cairn::visit_result::proceed;
  });
  if (!read)
    return std::move(read).error();
  if (auto index = read_index(journal, log, found); !index)
    return std::move(index).error();
  if (auto schemas = read_schemas(journal, found); !schemas)
    return std::move(schemas).error();
  for (const auto& stream : sample_streams()) {
    const auto head = journal.head(stream);
    if (!head)
      return head.error();
    found.streams = mix(mix(found.streams, head->version.number()), head->position.bits());
    auto replayed =
        journal.replay(stream, 1_ver, cairn::version::max(), [&](const cairn::event_view& event) {
          found.streams = mix(found.streams, event);
          ++found.replayed;
          return cairn::visit_result::proceed;
        });
    if (!replayed)
      return std::move(replayed).error();
    auto loaded = journal.load_snapshot(stream, [&](const cairn::snapshot_view& kept) {
      ++found.snapshots;
      found.streams =
          mix(mix(found.streams, kept.at.version.number()), kept.record.getFingerprint());
      found.streams = mix(found.streams, kept.record.getState().getAs<capnp::Data>());
    });
    if (!loaded)
      return std::move(loaded).error();
  }
  return found;
}

} // namespace crash
