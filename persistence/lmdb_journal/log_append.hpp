#pragma once

#include "lmdb_journal/tail_index.hpp"

#include <cairn/append.hpp>

#include <optional>
#include <span>
#include <string>

namespace cairn::detail {

/// A write transaction of the journal, as the sequencer sees it (`sequenced_store`). Its codes are
/// LMDB's.
class log_append {
public:
  log_append(MDB_txn* txn, const databases& dbs, tail_index& tail) noexcept
    : txn_{txn}, dbs_{dbs}, tail_{tail} {}

  /// Before anything else.
  int open() noexcept { return log_.open(txn_, dbs_.log); }

  int find_head(const stream_id& stream, stream_head& head, std::optional<error>& objection);
  int find_holder(const std::string& key, std::string& holder, std::optional<error>& objection);
  int put(cairn::position position, std::span<const capnp::word> record) noexcept;
  int landed(const append_operation& operation, stream_head head);

private:
  MDB_txn* const txn_;
  const databases& dbs_;
  tail_index& tail_;
  cursor log_;
  head_entry* stream_entry_ = nullptr; // of the head that was asked for last
};

} // namespace cairn::detail
