#include "runtime/open_storage.hpp"

namespace cairn::detail {

result<std::unique_ptr<journal>> open_journal(const storage& where) {
  if (const auto* const on_disk = where.get_if<lmdb>())
    return open_lmdb_journal(*on_disk);
  return make_memory_journal(*where.get_if<in_memory>());
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
