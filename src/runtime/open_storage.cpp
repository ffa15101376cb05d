#include "runtime/open_storage.hpp"

#include "support/option_range.hpp"

#include <utility>

namespace cairn::detail {

result<std::unique_ptr<journal>> open_journal(const storage& where) {
  if (const auto* const on_disk = where.get_if<lmdb>())
    return open_lmdb_journal(*on_disk);
  const auto& options = *where.get_if<in_memory>();
  if (auto checked = option_ranges{"memory_journal_options"}
                         .check("max_event_bytes", options.max_event_bytes, least_max_event_bytes,
                                most_max_event_bytes)
                         .outcome();
      !checked)
    return std::move(checked).error();
  return make_memory_journal(options);
}

std::size_t max_event_bytes_of(const storage& where) noexcept {
  const auto* const on_disk = where.get_if<lmdb>();
  return on_disk ? on_disk->max_event_bytes : where.get_if<in_memory>()->max_event_bytes;
}

std::filesystem::path folder_of(const storage& where, const char* name) {
  const auto* const on_disk = where.get_if<lmdb>();
  return on_disk ? on_disk->directory / name : std::filesystem::path{};
}

} // namespace cairn::detail
