#pragma once

#include "lmdb_journal/trailing_heads.hpp"
#include "lmdb_journal/trailing_tags.hpp"
#include "lmdb_rows/log_tail.hpp"
#include "lmdb_rows/stream_list.hpp"

#include <cairn/ids.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace cairn::detail {

/// What is made of the log and trails it, as the writing process has it in memory: the heads of
/// streams, the holders of keys, the index of tags; and its way to disk.
class tail_index final : private tail_sink {
public:
  explicit tail_index(std::size_t flush_interval_events);

  // Any thread. All as of the last durable commit.

  /// `nullopt`: look into the database, in a transaction that begins afterwards.
  std::optional<stream_head> head(const stream_id& stream) const {
    return heads_.committed(stream.name(), stream.hash());
  }
  /// The event that reserved the key last, version 0 if nobody holds it; `nullopt`: as for `head`.
  std::optional<stream_head> holder(std::string_view key) const;
  /// The positions of events with the tag that no row says yet. Look for the others in a
  /// transaction that begins afterwards.
  std::vector<position> tagged(std::string_view tag, position from) const;
  /// The heads in memory of streams whose name begins with `prefix`; as for `tagged`.
  std::vector<named_head> streams(std::string_view prefix) const;
  /// Rows that are newer in memory than on disk.
  std::size_t unflushed() const noexcept { return flush_.unflushed(); }

  // The writer's thread (or before it starts).

  /// What reading the tail has found.
  struct tail_extent {
    position last;
    std::uint64_t replayed = 0; ///< Records.
  };

  /// Takes in what the rows on disk lack. Errors: those of `gather_tail`; `corrupt_journal` if the
  /// log has a gap.
  result<tail_extent> replay(MDB_txn* txn, const databases& dbs);

  // In a commit. Both return LMDB's code, MDB_CORRUPTED if the row is damaged; an entry has version
  // 0 if there is no row.
  int find_head(MDB_txn* txn, const databases& dbs, const stream_id& stream, head_entry*& entry);
  int find_holder(MDB_txn* txn, const databases& dbs, std::string_view key, head_entry*& entry);

  void set_head(head_entry& entry, stream_head head) { heads_.touch(entry, head); }
  void set_holder(head_entry& entry, stream_head holder) { holders_.touch(entry, holder); }
  void add_tag_of_commit(std::string_view tag, cairn::position position) {
    tags_.stage(tag, position);
  }
  /// As for `trailing_flush::write_slice`.
  int write_slice(MDB_txn* txn, const databases& dbs, cairn::position position,
                  std::size_t events) {
    return flush_.write_slice(txn, dbs, position, events);
  }

  /// Two steps of a look-up to come; see `head_table`.
  void prefetch_bucket(const stream_id& stream) const noexcept {
    heads_.prefetch_bucket(stream.hash());
  }
  void prefetch_entry(const stream_id& stream) const noexcept {
    heads_.prefetch_entry(stream.hash());
  }

  /// The commit is durable: readers see what it has changed from now on. Before its last position
  /// is published, so that who sees the position finds the tag.
  void publish();
  /// The commit is not.
  void roll_back() noexcept;
  /// After `publish` or a slice of rows alone: the commit's end is at `position`.
  void committed(cairn::position position) { flush_.committed(position); }
  void aborted() noexcept { flush_.aborted(); }
  /// As for `trailing_flush::hurry`.
  bool hurry(cairn::position position) { return flush_.hurry(position); }

private:
  bool add_head(const tail_record& record) override;
  void add_holder(std::string_view key, cairn::position position, stream_head holder) override;
  void add_tag(std::string_view tag, cairn::position position) override;

  head_table heads_;
  trailing_heads head_rows_;
  head_table holders_; // by key
  trailing_heads holder_rows_;
  trailing_tags tags_;
  trailing_flush flush_;
};

} // namespace cairn::detail
