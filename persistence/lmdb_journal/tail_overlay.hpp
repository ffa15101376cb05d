#pragma once

#include "lmdb_rows/located.hpp"
#include "lmdb_rows/log_tail.hpp"

#include <cairn/ids.hpp>

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace cairn::detail {

/// The heads, reservations and tags that the rows on disk lack, for a process that only reads: what
/// the writing process holds in memory, gathered again from the tail of the log. Any thread.
class tail_overlay final : private tail_sink {
public:
  /// More streams, keys and tagged events than `prune_at` start the gathering afresh from the
  /// newest checkpoint, if it has moved.
  explicit tail_overlay(std::size_t prune_at) : prune_at_{prune_at} {}

  // Errors: those of reading the tail.

  result<located_head> locate(journal_readers& readers, const stream_id& stream);

  result<located_head> locate_key(journal_readers& readers, std::string_view key);

  result<located_tag> locate_tagged(journal_readers& readers, std::string_view tag,
                                    cairn::position from_position);

  result<located_streams> locate_streams(journal_readers& readers, std::string_view prefix);

private:
  struct key_change {
    cairn::position position;
    stream_head holder; // version 0: nobody
  };

  result<journal_reader> begin(journal_readers& readers);
  result<void> catch_up(const journal_reader& reader);
  bool add_head(const tail_record& record) override;
  void add_holder(std::string_view key, cairn::position position, stream_head holder) override;
  void add_tag(std::string_view tag, cairn::position position) override;
  /// One by one: what comes next may be damaged.
  void added(cairn::position position) override { caught_up_to_ = position; }

  const std::size_t prune_at_;
  std::mutex mutex_;
  std::unordered_map<std::string, stream_head> heads_;
  std::unordered_map<std::string, key_change> holders_; // by key
  position reservations_checkpoint_;                    // as of the last catching up
  std::unordered_map<std::string, std::vector<position>> tags_;
  std::size_t tagged_ = 0; // of these, all together
  position gathered_from_;
  position caught_up_to_;
};

} // namespace cairn::detail
