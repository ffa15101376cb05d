#pragma once

#include "lmdb_journal/lmdb_store.hpp"
#include "lmdb_rows/located.hpp"
#include "support/gate.hpp"

#include <cairn/lmdb_journal.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

namespace cairn::detail {

/// What a journal on LMDB answers out of its file, and the end of its life: the part that is the
/// same whether this process writes the journal or reads beside the process that does. They differ
/// in how they know what the rows on disk lack, which the `locate` functions say.
///
/// The file may be let go of and another opening of it taken in, as long as the journal is not
/// closed; in between, reads fail with the error given.
///
/// The destructor of a class that derives from it closes the journal, unless it is inherited.
class lmdb_reads : public journal {
public:
  lmdb_reads(lmdb_store store, std::size_t max_readers);
  ~lmdb_reads() override;

  result<stream_head> head(const stream_id& stream) const override;
  result<cairn::version> replay(const stream_id& stream, cairn::version from_version,
                                cairn::version to_version, event_visitor visitor) const final;
  result<cairn::position> replay_all(cairn::position from_position,
                                     event_visitor visitor) const final;
  result<cairn::position> replay_tag(std::string_view tag, cairn::position from_position,
                                     event_visitor visitor) const final;
  result<std::optional<stream_id>> holder_of(std::string_view key) const final;
  result<void> visit_streams(std::string_view prefix, stream_visitor visitor) const final;
  result<bool> load_snapshot(const stream_id& stream,
                             function_ref<void(const snapshot_view&)> visitor) const final;
  result<void> visit_schemas(function_ref<void(const schema_generation&)> visitor) const final;
  journal_status status() const final;
  result<void> close() final;

protected:
  // Called only while the file is open.
  virtual result<located_head> locate(const stream_id& stream) const = 0;
  virtual result<located_head> locate_key(std::string_view key) const = 0;
  virtual result<located_end> locate_end() const = 0;
  virtual result<located_tag> locate_tag(std::string_view tag,
                                         cairn::position from_position) const = 0;
  virtual result<located_streams> locate_streams(std::string_view prefix) const = 0;

  /// Adds what the class that derives from it knows. Also while the file is not open.
  virtual void add_to(journal_status& status) const = 0;
  /// The journal is closed to new calls: ends what runs, but for reading. Called once.
  virtual result<void> end() = 0;

  /// Whether this process is a child, by fork, of the one that opened the journal.
  bool inherited() const noexcept;
  /// Errors: `already_open` (inherited), `shut_down`.
  result<void> check_usable() const;

  /// One use of the file, which stays open meanwhile, if it was.
  class use {
  public:
    explicit use(const lmdb_reads& of) noexcept : of_{of}, inside_{of.gate_} {}
    /// Errors: those of `check_usable`; that of `let_go_of_file` (the file is not open).
    result<void> allowed() const;

  private:
    const lmdb_reads& of_;
    const gate::holder inside_;
  };

  // The file, if it is open.
  const lmdb_store& store() const noexcept { return file_->store; }
  journal_readers& readers() const noexcept { return file_->readers; }

  // For who changes the file. One thread at a time, which holds `life_mutex_`.

  /// Waits until nobody uses the file any more, and closes it, if it is open. Before that, `end`
  /// is called while nobody new can come to use it. From now on reads fail with `why`.
  void let_go_of_file(error why, function_ref<void()> end);
  /// Takes the file in; it is not used yet.
  void take_in_file(lmdb_store opened);
  /// The file that was taken in may be used.
  void use_file() noexcept { gate_.open(); }
  bool has_file() const noexcept { return file_ != nullptr; }
  /// Under `life_mutex_`: the journal is closed.
  bool is_closed() const noexcept { return closed_; }

  std::mutex life_mutex_; ///< Taken before all others.

private:
  struct file_parts {
    file_parts(lmdb_store opened, std::size_t max_readers)
      : store{std::move(opened)}, readers{store.env, store.dbs, max_readers} {}

    lmdb_store store;
    journal_readers readers;
  };

  const std::uint64_t process_;
  const std::size_t max_readers_;
  mutable gate gate_; // of all that use the file; closed while there is none
  std::unique_ptr<file_parts> file_;
  mutable std::mutex mutex_;
  std::optional<error> no_file_; // why there is none
  mutable std::atomic<std::uint64_t> damaged_snapshots_ = 0;
  std::atomic<bool> closed_ = false;
};

} // namespace cairn::detail
