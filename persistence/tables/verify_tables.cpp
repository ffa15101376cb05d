#include <cairn/verify_tables.hpp>

#include "records/record.hpp"
#include "tables/table_env.hpp"

namespace cairn {
namespace detail {

result<table_verification> table_env::verify() {
  auto reader = readers_.acquire();
  if (!reader)
    return std::move(reader).error();
  MDB_txn* const txn = reader->txn();
  table_verification found;
  found.unfinished_commit = pages_ == page_verdict::unfinished_commit;
  auto at = checkpoints(txn);
  if (!at)
    return std::move(at).error();
  found.checkpoints = *std::move(at);
  if (auto whether = live(txn); !whether)
    return std::move(whether).error();
  auto decided = decisions(txn);
  if (!decided)
    return std::move(decided).error();
  found.decisions = decided->size();
  cursor finder;
  if (const int rc = finder.open(txn, databases_.rows))
    return lmdb_error(errc::io_failed, "cannot read rows", rc);
  const std::byte smallest[sizeof(std::uint64_t)]{};
  auto scanned = stored_rows{finder.get()}.scan(smallest, {}, scan_direction::ascending,
                                                [&](key_view, row_words) { // are whole
                                                  ++found.rows;
                                                  return visit_result::proceed;
                                                });
  if (!scanned)
    return std::move(scanned).error();
  return found;
}

} // namespace detail

result<table_verification> verify_tables(table_store_options options) {
  if (options.directory.empty())
    return error{errc::invalid_argument, "tables in memory cannot be damaged on disk"};
  auto env = detail::table_env::open(options, {.read_only = true, .check_pages = true});
  if (!env)
    return std::move(env).error();
  auto found = (*env)->verify();
  (*env)->close();
  return found;
}

} // namespace cairn
