#pragma once

#include "support/descriptor.hpp"

#include <cairn/result.hpp>

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace cairn::detail {

inline constexpr std::string_view journal_file_name = "journal.mdb";
inline constexpr std::string_view owner_lock_name = "owner.lock";

struct directory_options {
  std::filesystem::path directory;
  bool create = true;
  bool allow_fuse = false;
  bool exclusive = true;                     ///< For writing: at most one in the machine.
  std::string_view file = journal_file_name; ///< A literal: the LMDB file in the directory.
};

/// Why a journal must not lie on the file system with this `statfs` magic; nothing if it may.
/// LMDB needs coherent maps and working locks, which network file systems do not give.
std::optional<std::string_view> file_system_objection(long magic, bool allow_fuse) noexcept;

/// Holds the directory of an LMDB file, a journal's or that of tables: nobody else in this process
/// has it open (LMDB breaks if the same file is opened twice), and, if exclusive, no other process
/// does for writing.
class directory_guard {
public:
  /// Errors: `invalid_argument`, `not_found`, `io_failed`, `insecure_permissions`,
  /// `unsupported_file_system`, `already_open`, `locked`.
  static result<directory_guard> enter(const directory_options& options);

  directory_guard(directory_guard&&) noexcept = default;
  directory_guard& operator=(directory_guard&&) = delete;
  ~directory_guard() { leave(); }

  /// Lets others have it.
  void leave() noexcept;

  std::filesystem::path file() const { return directory_ / file_; }
  const std::filesystem::path& directory() const noexcept { return directory_; }

  bool has_file() const;

  /// Checks the file: private, not empty, not open in this process under another name.
  /// Errors: `insecure_permissions`, `corrupt_journal`, `already_open`, `io_failed`.
  result<void> admit_file();

  /// Makes the directory's entries durable.
  result<void> sync() const;

private:
  using file_identity = std::pair<dev_t, ino_t>;

  directory_guard(std::filesystem::path directory, std::string_view file, descriptor handle)
    : directory_{std::move(directory)}, file_{file}, handle_{std::move(handle)} {}

  result<void> check_directory(bool allow_fuse) const;
  result<void> lock_for_writing();
  bool claim(file_identity identity);

  std::filesystem::path directory_;
  std::string_view file_;
  descriptor handle_;
  descriptor owner_lock_;
  std::vector<file_identity> claimed_;
};

} // namespace cairn::detail
