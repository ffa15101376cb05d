#pragma once

#include "lmdb_rows/databases.hpp"

#include <cairn/journal_schemas.hpp>

namespace cairn::detail {

/// Calls `visitor` with the generations of schemas in the journal, oldest first. Errors:
/// `corrupt_journal`, `io_failed`.
result<void> visit_schema_rows(MDB_txn* txn, const databases& dbs,
                               function_ref<void(const schema_generation&)> visitor);

/// Calls `visitor` with the generation of this number in a stored value. Errors: `corrupt_journal`,
/// also where the visitor throws `kj::Exception`.
result<void> show_schema_row(std::uint64_t number, words_view value,
                             function_ref<void(const schema_generation&)> visitor);

/// Appends a generation: `message` is the words of a `format::SchemaGeneration`.
int append_schema_row(MDB_txn* txn, const databases& dbs, std::uint64_t recorded_at_ns,
                      words_view message) noexcept;

} // namespace cairn::detail
