#pragma once

#include "lmdb_rows/journal_reader.hpp"

#include <cairn/append.hpp>
#include <cairn/event_view.hpp>
#include <cairn/ids.hpp>

#include <optional>
#include <vector>

namespace cairn::detail {

/// Reads one stream: walks back from its head by the back pointers, then visits forward.
///
/// Only the walk visits every record in turn when the stream's records are scattered. Where they
/// lie side by side it gallops: if the record k positions before is of the same stream and k
/// versions lower, the k records between are its too. A record seen on the way back is not looked
/// up again on the way forward, as long as the read transaction was not renewed.
class stream_walk {
public:
  stream_walk(journal_reader& reader, const stream_id& stream);
  ~stream_walk();
  stream_walk(const stream_walk&) = delete;
  stream_walk& operator=(const stream_walk&) = delete;

  /// `journal::replay`, as of `head`.
  result<cairn::version> replay(stream_head head, cairn::version from_version,
                                cairn::version to_version, event_visitor visitor);

private:
  /// Records at consecutive positions with consecutive versions.
  struct run {
    cairn::position first_position;
    std::uint64_t count;
    const std::uint64_t* data; // of the first, checked and still valid in `generation`; or null
    std::uint32_t words;
    std::uint32_t generation;
  };

  result<void> walk_back(stream_head head, version from, version to);
  result<version> visit_forward(version from, event_visitor visitor);
  result<words_view> record_of(const run& part, std::uint64_t index);
  std::uint64_t gallop(stream_head at, version from);
  bool is_own(cairn::position position, cairn::version version, words_view& value);
  bool step_over_damage(stream_head& at, words_view& value);
  result<words_view> fetch(cairn::position position);
  result<void> renew_if_due();

  journal_reader& reader_;
  const stream_id& stream_;
  std::vector<run> runs_; // newest first
  std::uint32_t generation_ = 0;
  position cursor_at_;          // the start: nowhere
  std::optional<error> damage_; // met on the way back; what comes after it is not visited
};

/// `journal::replay_all` up to `last_position`.
result<cairn::position> replay_log(journal_reader& reader, cairn::position from_position,
                                   cairn::position last_position, event_visitor visitor);

/// Visits the one record at `position`.
result<visit_result> show_record(journal_reader& reader, cairn::position position,
                                 event_visitor visitor);

} // namespace cairn::detail
