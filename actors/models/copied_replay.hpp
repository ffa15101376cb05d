#pragma once

#include <cairn/event_buffer.hpp>
#include <cairn/journal.hpp>

#include <cstddef>
#include <optional>
#include <vector>

namespace cairn::detail {

/// The events of one stream, for a visitor that may take its time: they are copied out of the
/// journal, some at a time (`copy`), and shown when nothing of the journal is held (`show`).
///
/// A replay walks back from the stream's end each time. So it is made once: what does not fit into
/// the first copies is remembered by its position, 8 bytes an event.
class copied_replay {
public:
  copied_replay(const stream_id& stream, cairn::version from_version, cairn::version to_version)
    : stream_{stream}, from_{from_version}, to_{to_version}, last_visited_{from_version.is_none()
                                                                               ? from_version
                                                                               : from_version - 1} {
  }

  /// Reads the next events. The only function that touches the journal.
  void copy(const journal& events);

  /// Shows what was copied. True: there is more to copy. What the visitor throws passes through,
  /// but for `kj::Exception`, `unknown_event_type` and `upcast_failure`.
  bool show(event_visitor visitor);

  /// Once there is no more; as that of `journal::replay`.
  result<cairn::version> outcome() const;

private:
  bool is_full() const noexcept;
  void walk(const journal& events);
  void fetch(const journal& events);

  const stream_id& stream_;
  const cairn::version from_; // 0: the journal refuses it
  const cairn::version to_;
  cairn::version last_visited_;
  event_buffer copies_;
  std::vector<cairn::position> remembered_; // of what follows the copies
  std::size_t next_remembered_ = 0;
  bool walked_ = false;
  std::optional<error> failure_; // what comes after the copies and what is remembered
};

} // namespace cairn::detail
