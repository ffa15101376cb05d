#pragma once

#include "lmdb/directory_guard.hpp"
#include "lmdb/lmdb_env.hpp"
#include "lmdb/page_check.hpp"

#include <cairn/function_ref.hpp>

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace cairn::detail {

/// How the LMDB file in a directory of its own is opened.
struct file_options {
  std::filesystem::path directory;
  std::string_view file = journal_file_name; ///< A literal: its name in the directory.
  std::string_view absence; ///< What to say if there is none: "there is no journal".
  bool create = true;       ///< Not looked at if `read_only`.
  bool allow_fuse = false;
  bool read_only = false;
  bool check_pages = false; ///< Look at every page before anything else is read.
  std::size_t map_bytes = 0;
  std::size_t max_readers = 128;
};

/// An open LMDB file: the directory is this process's, and the environment is open.
struct lmdb_file {
  directory_guard guard;
  lmdb_env env;
  page_verdict pages; ///< `sound` if they were not looked at.
};

/// Opens the file, for writing (creating it if the options say so) or for reading, and checks what
/// LMDB trusts blindly. `fill` writes what a new file consists of, commits it, and returns LMDB's
/// code; a crash leaves either no file or a whole one.
///
/// Errors: those of `directory_guard::enter` and `admit_file`; `not_found`, `corrupt_journal`,
/// `io_failed`.
result<lmdb_file> open_file(const file_options& options, function_ref<int(const lmdb_env&)> fill);

} // namespace cairn::detail
