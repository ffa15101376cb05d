#pragma once

#include "reader_pool.hpp"

#include <cairn/ids.hpp>

#include <mutex>
#include <string>
#include <unordered_map>

namespace cairn::detail {

/// The heads that the rows on disk lack, for a process that only reads: what the writing process
/// holds in memory, gathered again from the tail of the log. Any thread.
class tail_overlay {
public:
  /// Streams beyond `prune_at` start the gathering afresh from the newest checkpoint.
  explicit tail_overlay(std::size_t prune_at) : prune_at_{prune_at} {}

  /// A read transaction and the stream's newest head as of it.
  struct located {
    reader_pool::lease reader;
    stream_head head;
  };

  /// Errors: those of reading the tail.
  result<located> locate(reader_pool& readers, const stream_id& stream);

private:
  result<void> catch_up(const reader_pool::lease& reader);

  const std::size_t prune_at_;
  std::mutex mutex_;
  std::unordered_map<std::string, stream_head> heads_;
  std::uint64_t caught_up_to_ = 0; // position
};

} // namespace cairn::detail
