#pragma once

#include "descriptor.hpp"

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
  bool exclusive = true; ///< For writing: at most one in the machine.
};

/// Why a journal must not lie on the file system with this `statfs` magic; nothing if it may.
/// LMDB needs coherent maps and working locks, which network file systems do not give.
std::optional<std::string_view> file_system_objection(long magic, bool allow_fuse) noexcept;

/// Holds a journal's directory: nobody else in this process has the journal open (LMDB breaks if
/// the same file is opened twice), and, if exclusive, no other process does for writing.
class directory_guard {
public:
  /// Errors: `invalid_argument`, `not_found`, `io_failed`, `insecure_permissions`,
  /// `unsupported_file_system`, `already_open`, `locked`.
  static result<directory_guard> enter(const directory_options& options);

  directory_guard(directory_guard&&) noexcept = default;
  directory_guard& operator=(directory_guard&&) = delete;
  ~directory_guard() { leave(); }

  /// Lets others have the journal.
  void leave() noexcept;

  std::filesystem::path journal_file() const { return directory_ / journal_file_name; }
  const std::filesystem::path& directory() const noexcept { return directory_; }

  bool has_journal() const;

  /// Checks the journal's file: private, not empty, not open in this process under another name.
  /// Errors: `insecure_permissions`, `corrupt_journal`, `already_open`, `io_failed`.
  result<void> admit_journal_file();

  /// Makes the directory's entries durable.
  result<void> sync() const;

private:
  using file_identity = std::pair<dev_t, ino_t>;

  directory_guard(std::filesystem::path directory, descriptor handle)
    : directory_{std::move(directory)}, handle_{std::move(handle)} {}

  result<void> check_directory(bool allow_fuse) const;
  result<void> lock_for_writing();
  bool claim(file_identity identity);

  std::filesystem::path directory_;
  descriptor handle_;
  descriptor owner_lock_;
  std::vector<file_identity> claimed_;
};

} // namespace cairn::detail
