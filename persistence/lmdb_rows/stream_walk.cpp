#include "lmdb_rows/stream_walk.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace cairn::detail {
namespace {

error broken_chain(const stream_id& stream, cairn::position position) {
  return {errc::corrupt_journal, "stream " + stream.name() + " has no record at position "
                                     + to_string(position) + ", where its chain leads"};
}

error unreadable(int rc) {
  return lmdb_error(errc::io_failed, "cannot read the log", rc);
}

result<visit_result> show(cairn::position position, words_view value, const stream_id* stream,
                          event_visitor visitor) {
  try {
    const event_in_place event{position, value};
    if (stream && event.view().stream() != stream->name())
      return broken_chain(*stream, position);
    return visitor(event.view());
  } catch (const kj::Exception& damage) {
    return corrupt_event(position, damage.getDescription().cStr());
  }
}

bool is_intact_event(cairn::position position, words_view value) noexcept {
  return is_intact(key_bytes(position), value, words_of<event_header>);
}

} // namespace

stream_walk::stream_walk(journal_reader& reader, const stream_id& stream)
  : reader_{reader}, stream_{stream} {}

stream_walk::~stream_walk() = default;

result<cairn::version> stream_walk::replay(stream_head head, cairn::version from_version,
                                           cairn::version to_version, event_visitor visitor) {
  const auto to = std::min(to_version, head.version);
  if (to < from_version)
    return from_version - 1;
  if (auto walked = walk_back(head, from_version, to); !walked)
    return std::move(walked).error();
  auto visited = visit_forward(from_version, visitor);
  if (visited && damage_)
    return *std::move(damage_);
  return visited;
}

result<void> stream_walk::walk_back(stream_head head, version from, version to) {
  stream_head at = head;
  for (;;) {
    if (auto renewed = renew_if_due(); !renewed)
      return renewed;
    auto value = fetch(at.position);
    if (!value)
      return std::move(value).error();
    if (!is_intact_event(at.position, *value)) {
      const bool wanted = at.version <= to;
      error damage = corrupt_event(at.position, "fails its checksum");
      if (at.version == from || !step_over_damage(at, *value))
        return damage;
      if (wanted) {
        damage_ = std::move(damage);
        runs_.clear();
      }
    }
    const event_header& header = header_of(*value);
    if (version{header.version} != at.version)
      return broken_chain(stream_, at.position);
    if (at.version <= to)
      runs_.push_back(
          {at.position, 1, value->data(), static_cast<std::uint32_t>(value->size()), generation_});
    if (at.version == from)
      return {};
    const auto previous = position::from_bits(header.previous);
    if (previous.is_start() || !(previous < at.position))
      return broken_chain(stream_, previous);
    const std::uint64_t skipped = previous + 1 == at.position ? gallop(at, from) : 0;
    if (skipped == 0) {
      at = {at.version - 1, previous};
      continue;
    }
    at = {at.version - skipped, at.position - skipped};
    // The record that the gallop reached starts the run; those beyond `to` are not visited.
    if (at.version <= to)
      runs_.push_back({at.position, std::min(skipped, to - at.version + 1), nullptr, 0, 0});
    if (at.version == from)
      return {};
    auto reached = fetch(at.position);
    if (!reached)
      return std::move(reached).error();
    const auto next = position::from_bits(header_of(*reached).previous);
    if (next.is_start() || !(next < at.position))
      return broken_chain(stream_, next);
    at = {at.version - 1, next};
  }
}

/// How many of the positions before `at` certainly hold the stream's events before it.
std::uint64_t stream_walk::gallop(stream_head at, version from) {
  const std::uint64_t most = at.version - from;
  std::uint64_t certain = 0;
  for (std::uint64_t step = std::min<std::uint64_t>(2, most); step > certain;
       step = std::min(2 * step, most)) {
    words_view value;
    if (step < 2 || step >= at.position.number()
        || !is_own(at.position - step, at.version - step, value))
      break;
    certain = step;
  }
  return certain;
}

/// Whether an intact record at `position` is the stream's event with this version.
bool stream_walk::is_own(cairn::position position, cairn::version version, words_view& value) {
  if (position.is_start())
    return false;
  auto fetched = fetch(position);
  if (!fetched || !is_intact_event(position, *fetched)
      || header_of(*fetched).version != version.number())
    return false;
  value = *fetched;
  try {
    return event_in_place{position, value}.view().stream() == stream_.name();
  } catch (const kj::Exception&) {
    return false;
  }
}

/// The record `at` is damaged. If its back pointer still leads to the event before, what lies
/// before the damage can be visited: moves there.
bool stream_walk::step_over_damage(stream_head& at, words_view& value) {
  if (value.size() < words_of<event_header>)
    return false;
  const stream_head before{at.version - 1, position::from_bits(header_of(value).previous)};
  if (!(before.position < at.position) || !is_own(before.position, before.version, value))
    return false;
  at = before;
  return true;
}

result<version> stream_walk::visit_forward(version from, event_visitor visitor) {
  auto version = from;
  for (auto part = runs_.rbegin(); part != runs_.rend(); ++part) {
    for (std::uint64_t i = 0; i < part->count; ++i, ++version) {
      if (auto renewed = renew_if_due(); !renewed)
        return std::move(renewed).error();
      auto value = record_of(*part, i);
      if (!value)
        return std::move(value).error();
      const auto position = part->first_position + i;
      if (header_of(*value).version != version.number())
        return broken_chain(stream_, position);
      auto went = show(position, *value, &stream_, visitor);
      if (!went)
        return std::move(went).error();
      if (*went == visit_result::stop) {
        damage_.reset(); // further on than anybody wanted to read
        return version;
      }
    }
  }
  return version - 1;
}

result<words_view> stream_walk::record_of(const run& part, std::uint64_t index) {
  if (part.data && part.generation == generation_)
    return words_view{part.data, part.words};
  const auto position = part.first_position + index;
  auto value = fetch(position);
  if (!value)
    return value;
  if (part.count > 1)
    prefetch_after(*value);
  if (!is_intact_event(position, *value))
    return corrupt_event(position, "fails its checksum");
  return value;
}

result<words_view> stream_walk::fetch(cairn::position position) {
  const bool adjacent = !cursor_at_.is_start() && position == cursor_at_ + 1;
  auto key = position;
  words_view value;
  const int rc = get_positioned(reader_.log(), adjacent ? MDB_NEXT : MDB_SET, key, value);
  cursor_at_ = rc == 0 ? position : cairn::position{};
  if (rc == MDB_NOTFOUND || (rc == 0 && key != position))
    return broken_chain(stream_, position);
  if (rc == MDB_CORRUPTED)
    return corrupt_event(position, "is misplaced");
  if (rc != 0)
    return unreadable(rc);
  if (value.size() < words_of<event_header>)
    return corrupt_event(position, "is shorter than a record's header");
  return value;
}

result<void> stream_walk::renew_if_due() {
  if (!reader_.due())
    return {};
  ++generation_;
  cursor_at_ = {};
  return reader_.renew();
}

result<visit_result> show_record(journal_reader& reader, cairn::position position,
                                 event_visitor visitor) {
  auto key = position;
  words_view value;
  const int rc = get_positioned(reader.log(), MDB_SET, key, value);
  if (rc == MDB_NOTFOUND)
    return error{errc::corrupt_journal, "the log has no record at position " + to_string(position)};
  if (rc != 0 && rc != MDB_CORRUPTED)
    return unreadable(rc);
  if (rc == MDB_CORRUPTED || !is_intact_event(position, value))
    return corrupt_event(position, "fails its checksum");
  return show(position, value, nullptr, visitor);
}

result<cairn::position> replay_log(journal_reader& reader, cairn::position from_position,
                                   cairn::position last_position, event_visitor visitor) {
  MDB_cursor_op operation = MDB_SET;
  for (auto next = from_position; next <= last_position; ++next) {
    if (reader.due()) {
      if (auto renewed = reader.renew(); !renewed)
        return std::move(renewed).error();
      operation = MDB_SET;
    }
    auto found = next;
    words_view value;
    const int rc = get_positioned(reader.log(), operation, found, value);
    if (rc == MDB_NOTFOUND || (rc == 0 && found != next))
      return error{errc::corrupt_journal, "the log has no record at position " + to_string(next)};
    if (rc != 0 && rc != MDB_CORRUPTED)
      return unreadable(rc);
    prefetch_after(value);
    if (rc == MDB_CORRUPTED || !is_intact_event(next, value))
      return corrupt_event(next, "fails its checksum");
    auto went = show(next, value, nullptr, visitor);
    if (!went)
      return std::move(went).error();
    if (*went == visit_result::stop)
      return next;
    operation = MDB_NEXT;
  }
  return std::max(last_position, from_position - 1);
}

} // namespace cairn::detail
