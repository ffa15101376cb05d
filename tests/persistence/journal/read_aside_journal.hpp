#pragma once

#include "forwarding_journal.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>

namespace cairn::test {

/// A journal that is written with the LMDB journal, and whose streams, log, index, snapshots and
/// schemas are read as by another process: with a journal open for reading. LMDB does not let a
/// process open a file twice, so that one has a copy of the file, made anew once something was
/// written. Its end is the writer's: a copy does not grow.
class read_aside_journal final : public ::test::forwarding_journal {
public:
  /// Makes its folders in `directory`, which it creates.
  explicit read_aside_journal(const std::filesystem::path& directory);
  ~read_aside_journal() override;

  void submit(std::unique_ptr<append_operation> operation) override;
  void submit_snapshot(snapshot_draft snapshot) override;
  result<void> declare_schemas(const schema_declaration& used) override;

  result<stream_head> head(const stream_id& stream) const override;
  result<cairn::version> replay(const stream_id& stream, cairn::version from_version,
                                cairn::version to_version, event_visitor visitor) const override;
  result<cairn::position> replay_all(cairn::position from_position,
                                     event_visitor visitor) const override;
  result<cairn::position> replay_tag(std::string_view tag, cairn::position from_position,
                                     event_visitor visitor) const override;
  result<std::optional<stream_id>> holder_of(std::string_view key) const override;
  result<void> visit_streams(std::string_view prefix, stream_visitor visitor) const override;
  result<bool> load_snapshot(const stream_id& stream,
                             function_ref<void(const snapshot_view&)> visitor) const override;
  result<void> visit_schemas(function_ref<void(const schema_generation&)> visitor) const override;

  journal_status status() const override;
  result<void> close() override;

private:
  std::shared_ptr<const journal> reader() const;

  const std::filesystem::path directory_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const journal> reader_; // null: out of date
  mutable std::size_t copies_ = 0;
  bool closed_ = false;
};

} // namespace cairn::test
