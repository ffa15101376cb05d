#pragma once

#include "lmdb/lmdb_env.hpp"

#include <cairn/function_ref.hpp>

#include <filesystem>
#include <string_view>

namespace cairn::detail {

/// Checks what LMDB trusts blindly when it opens `file`: that its two root pages are root pages,
/// and agree about the size of a page. Beside a process that may be writing it. Errors:
/// `corrupt_journal`, `io_failed`.
result<void> check_root_pages(const std::filesystem::path& file);

/// `corrupt_journal`, for damage that LMDB would not notice.
error damaged_file(std::string_view what);

/// Told of each page that is in use, with the name of its database. Those of LMDB's own are "root",
/// "free list", and "main" for the database of databases.
using page_visitor = function_ref<void(std::uint64_t page, std::string_view database)>;

enum class page_verdict {
  sound,
  /// The older root page shows a tree that is newer than itself. That is how LMDB leaves it when
  /// the write of a root page has failed: that commit's outcome was unknown, and it is undone. Or
  /// it succeeded, and the page is damaged since.
  unfinished_commit,
  overtaken, ///< Not returned by `check_pages`.
};

/// Checks the structure that LMDB trusts blindly, because none of it has a checksum: every page of
/// every database, as of one read transaction. Beside a process that may be writing the file, which
/// then grows until this is done.
///
/// A row is then found by every way that leads to it: keys are in order within the bounds that the
/// pages above set, each page is in use once or free, and the counts are right. And the root page
/// is that of the last commit: else one flipped bit could bring back the state before it unnoticed.
///
/// Errors: `corrupt_journal`, naming page and database; `io_failed`.
result<page_verdict> check_pages(const lmdb_env& env, page_visitor visitor);

} // namespace cairn::detail
