#include "tail_overlay.hpp"

#include "head_rows.hpp"
#include "journal_meta.hpp"
#include "log_tail.hpp"

#include <algorithm>

namespace cairn::detail {

result<tail_overlay::located> tail_overlay::locate(reader_pool& readers, const stream_id& stream) {
  // The transaction begins under the lock, so that none is older than what was gathered.
  const std::lock_guard lock{mutex_};
  auto reader = readers.acquire();
  if (!reader)
    return std::move(reader).error();
  if (auto caught_up = catch_up(*reader); !caught_up)
    return std::move(caught_up).error();
  stream_head head;
  if (const int rc = read_head_row(reader->txn(), reader->dbs(), stream.name(), head))
    return head_row_error(stream, rc);
  if (const auto newer = heads_.find(stream.name());
      newer != heads_.end() && newer->second.version > head.version)
    head = newer->second;
  return located{*std::move(reader), head};
}

result<void> tail_overlay::catch_up(const reader_pool::lease& reader) {
  auto checkpoint = read_checkpoint(reader.txn(), reader.dbs());
  if (!checkpoint)
    return std::move(checkpoint).error();
  if (heads_.size() >= prune_at_) {
    heads_.clear();
    caught_up_to_ = 0;
  }
  const auto take_in = [&](const tail_record& record) {
    heads_.insert_or_assign(std::string{record.stream},
                            stream_head{record.header.version, record.position});
    return true;
  };
  auto last = read_tail(reader.txn(), reader.dbs(), std::max(caught_up_to_, *checkpoint), take_in);
  if (!last)
    return std::move(last).error();
  caught_up_to_ = *last;
  return {};
}

} // namespace cairn::detail
