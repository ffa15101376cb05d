#include "read_aside_journal.hpp"

#include "journal_fixture.hpp"

#include <string>
#include <utility>

namespace cairn::test {
namespace {

std::filesystem::path made_private(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  return directory;
}

} // namespace

read_aside_journal::read_aside_journal(const std::filesystem::path& directory)
  : forwarding_journal{must(open_lmdb_journal(small_options(made_private(directory) / "written")))},
    directory_{directory} {}

read_aside_journal::~read_aside_journal() {
  (void)close();
}

/// With the writer at rest: a copy that is made in the middle of two commits would be of neither.
std::shared_ptr<const journal> read_aside_journal::reader() const {
  const std::lock_guard lock{mutex_};
  if (closed_)
    return {std::shared_ptr<const journal>{}, &inner()}; // which says so
  if (!reader_) {
    const auto copy =
        crashed_copy(directory_ / "written", directory_ / ("copy " + std::to_string(++copies_)));
    auto opened = must(open_lmdb_journal_for_reading(small_options(copy)));
    reader_ = {opened.release(), [copy](const journal* closed) {
                 delete closed; // a visitor may have been in it until now
                 std::error_code ignored;
                 std::filesystem::remove_all(copy, ignored);
               }};
  }
  return reader_;
}

/// Returns when the operation has been handed back.
void read_aside_journal::submit(std::unique_ptr<append_operation> operation) {
  const stream_id stream = *operation->stream;
  const std::lock_guard lock{mutex_};
  reader_ = nullptr;
  inner().submit(std::move(operation));
  (void)inner().append(stream, expected_version::any(), event_batch{});
}

void read_aside_journal::submit_snapshot(snapshot_draft snapshot) {
  const stream_id stream = snapshot.stream;
  const std::lock_guard lock{mutex_};
  reader_ = nullptr;
  inner().submit_snapshot(std::move(snapshot));
  (void)inner().append(stream, expected_version::any(), event_batch{});
}

result<void> read_aside_journal::declare_schemas(const schema_declaration& used) {
  const std::lock_guard lock{mutex_};
  reader_ = nullptr;
  return inner().declare_schemas(used);
}

result<stream_head> read_aside_journal::head(const stream_id& stream) const {
  return reader()->head(stream);
}

result<cairn::version> read_aside_journal::replay(const stream_id& stream,
                                                  cairn::version from_version,
                                                  cairn::version to_version,
                                                  event_visitor visitor) const {
  return reader()->replay(stream, from_version, to_version, visitor);
}

result<cairn::position> read_aside_journal::replay_all(cairn::position from_position,
                                                       event_visitor visitor) const {
  return reader()->replay_all(from_position, visitor);
}

result<cairn::position> read_aside_journal::replay_tag(std::string_view tag,
                                                       cairn::position from_position,
                                                       event_visitor visitor) const {
  return reader()->replay_tag(tag, from_position, visitor);
}

result<std::optional<stream_id>> read_aside_journal::holder_of(std::string_view key) const {
  return reader()->holder_of(key);
}

result<void> read_aside_journal::visit_streams(std::string_view prefix,
                                               stream_visitor visitor) const {
  return reader()->visit_streams(prefix, visitor);
}

result<bool>
read_aside_journal::load_snapshot(const stream_id& stream,
                                  function_ref<void(const snapshot_view&)> visitor) const {
  return reader()->load_snapshot(stream, visitor);
}

result<void>
read_aside_journal::visit_schemas(function_ref<void(const schema_generation&)> visitor) const {
  return reader()->visit_schemas(visitor);
}

journal_status read_aside_journal::status() const {
  journal_status status = inner().status();
  status.damaged_snapshots = reader()->status().damaged_snapshots;
  return status;
}

result<void> read_aside_journal::close() {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  reader_ = nullptr;
  return inner().close();
}

} // namespace cairn::test
