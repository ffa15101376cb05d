#pragma once

#include <cairn/storage.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>

namespace cairn::detail {

/// Opens the journal for appending and reading. `where` keeps what is needed to open it again once
/// it is closed; one in memory is empty then. Errors: those of `open_lmdb_journal`.
result<std::unique_ptr<journal>> open_journal(const storage& where);

/// The largest record of an event, in bytes, that the journal takes.
std::size_t max_event_bytes_of(const storage& where) noexcept;

/// A folder beside the journal: `projections` for their tables, `subscriptions` for checkpoints of
/// durable ones; empty: in memory.
std::filesystem::path folder_of(const storage& where, const char* name);

} // namespace cairn::detail
