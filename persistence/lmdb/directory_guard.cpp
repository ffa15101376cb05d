#include "lmdb/directory_guard.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace cairn::detail {
namespace {

constexpr mode_t others_mask = 077;

/// What this process has open, by device and inode: a path may have many names.
struct open_files {
  std::mutex mutex;
  std::set<std::pair<dev_t, ino_t>> identities;
};

open_files& files_of_this_process() {
  static open_files files;
  return files;
}

error system_error(std::string_view what, const std::filesystem::path& path) {
  return {errc::io_failed, std::string{what} + " " + path.string() + ": " + std::strerror(errno)};
}

result<void> check_private(const struct stat& status, const std::filesystem::path& path) {
  if ((status.st_mode & others_mask) != 0)
    return error{errc::insecure_permissions, "group or others may use " + path.string()
                                                 + "; take their rights away (chmod "
                                                 + (S_ISDIR(status.st_mode) ? "700)" : "600)")};
  if (const uid_t self = geteuid(); self != 0 && status.st_uid != self)
    return error{errc::insecure_permissions, path.string() + " belongs to another user"};
  return {};
}

result<void> sync_directory(const std::filesystem::path& path) {
  const descriptor handle{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!handle || fsync(handle.get()) != 0)
    return system_error("cannot sync the directory", path);
  return {};
}

std::filesystem::path parent_of(const std::filesystem::path& path) {
  std::error_code failure;
  const auto whole = std::filesystem::absolute(path, failure).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).parent_path();
}

/// Makes the directory, and those above it that are missing. Each new entry is synced: without the
/// uppermost, a power cut would take all that lies below it. Returns whether it was not there.
result<bool> make_directory(const std::filesystem::path& path, mode_t mode) {
  constexpr mode_t mode_above = S_IRWXU | S_IRWXG | S_IRWXO; // less the umask, as mkdir -p
  const auto parent = parent_of(path);
  int failure = mkdir(path.c_str(), mode) == 0 ? 0 : errno;
  if (failure == ENOENT) {
    if (auto above = make_directory(parent, mode_above); !above)
      return above;
    failure = mkdir(path.c_str(), mode) == 0 ? 0 : errno;
  }
  if (failure == EEXIST)
    return false;
  if (errno = failure; failure != 0)
    return system_error("cannot create", path);
  if (auto synced = sync_directory(parent); !synced)
    return std::move(synced).error();
  return true;
}

/// A directory that was there may have been made a moment ago, by somebody who did not sync it, or
/// by us, killed before we could. Where we may not look into the parent, it was not us.
result<void> sync_entry_of(const std::filesystem::path& path) {
  const auto parent = parent_of(path);
  return access(parent.c_str(), R_OK | X_OK) == 0 ? sync_directory(parent) : result<void>{};
}

/// What lies in the directory at `handle`; false also if it cannot be read.
bool is_empty(int handle) {
  // A descriptor of its own, whose place in the directory is nobody else's.
  const int own = openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const entries = own < 0 ? nullptr : fdopendir(own);
  if (!entries) {
    if (own >= 0)
      ::close(own);
    return false;
  }
  std::size_t found = 0;
  while (readdir(entries))
    ++found;
  closedir(entries);
  return found <= 2; // itself and its parent
}

/// Takes the rights of group and others to an empty directory of ours, such as `mkdir` leaves it:
/// there is nothing in it that anybody could have seen or put there. Looks again afterwards, when
/// nobody can put anything in any more.
result<void> narrow_if_empty(int handle, const std::filesystem::path& path) {
  struct stat status {};
  if (fstat(handle, &status) != 0)
    return system_error("cannot look at", path);
  if ((status.st_mode & others_mask) == 0 || status.st_uid != geteuid() || !is_empty(handle))
    return {};
  if (fchmod(handle, S_IRWXU) != 0)
    return system_error("cannot make private", path);
  if (!is_empty(handle))
    return error{errc::insecure_permissions,
                 "something was put into " + path.string() + " while it was made private"};
  return {};
}

} // namespace

std::optional<std::string_view> file_system_objection(long magic, bool allow_fuse) noexcept {
  // From linux/magic.h, and the kernel's sources for those that have no public header.
  switch (static_cast<unsigned long>(magic) & 0xffffffffUL) {
    case 0x6969: return "NFS";
    case 0x517b: return "SMB";
    case 0xff534d42: return "CIFS";
    case 0xfe534d42: return "SMB2";
    case 0x01021997: return "9P";
    case 0x00c36400: return "Ceph";
    case 0x5346414f: return "AFS";
    case 0x73757245: return "Coda";
    case 0x0bd00bd0: return "Lustre";
    case 0x7461636f: return "OCFS2";
    case 0x01161970: return "GFS2";
    case 0x65735546:
      if (!allow_fuse)
        return "FUSE";
      return std::nullopt;
    default: return std::nullopt;
  }
}

result<directory_guard> directory_guard::enter(const directory_options& options) {
  if (options.directory.empty())
    return error{errc::invalid_argument, "directory must not be empty"};
  bool was_there = true;
  if (options.create) {
    const auto made = make_directory(options.directory, S_IRWXU);
    if (!made)
      return made.error();
    was_there = !*made;
  }
  descriptor handle{::open(options.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!handle && errno == ENOENT)
    return error{errc::not_found, "there is no directory " + options.directory.string()};
  if (!handle)
    return system_error("cannot open the directory", options.directory);
  directory_guard guard{options.directory, options.file, std::move(handle)};
  if (options.create) {
    if (auto narrowed = narrow_if_empty(guard.handle_.get(), options.directory); !narrowed)
      return std::move(narrowed).error();
    if (was_there && !guard.has_file())
      if (auto synced = sync_entry_of(options.directory); !synced)
        return std::move(synced).error();
  }
  if (auto checked = guard.check_directory(options.allow_fuse); !checked)
    return std::move(checked).error();
  struct stat status {};
  if (fstat(guard.handle_.get(), &status) != 0)
    return system_error("cannot look at", options.directory);
  if (!guard.claim({status.st_dev, status.st_ino}))
    return error{errc::already_open,
                 "this process has the journal in " + options.directory.string() + " open"};
  if (options.exclusive)
    if (auto locked = guard.lock_for_writing(); !locked)
      return std::move(locked).error();
  return guard;
}

void directory_guard::leave() noexcept {
  if (owner_lock_) // at once, not when the last copy of the descriptor goes in some forked child
    flock(owner_lock_.get(), LOCK_UN);
  owner_lock_ = descriptor{};
  open_files& files = files_of_this_process();
  const std::lock_guard lock{files.mutex};
  for (const file_identity& identity : claimed_)
    files.identities.erase(identity);
  claimed_.clear();
}

bool directory_guard::has_file() const {
  struct stat status {};
  return fstatat(handle_.get(), file_.data(), &status, 0) == 0;
}

result<void> directory_guard::admit_file() {
  struct stat status {};
  if (fstatat(handle_.get(), file_.data(), &status, 0) != 0)
    return system_error("cannot look at", file());
  if (auto checked = check_private(status, file()); !checked)
    return checked;
  if (status.st_size == 0) // LMDB would take it for a new environment
    return error{errc::corrupt_journal, file().string() + " is empty"};
  if (!claim({status.st_dev, status.st_ino}))
    return error{errc::already_open,
                 "this process has " + file().string() + " open under another name"};
  return {};
}

result<void> directory_guard::sync() const {
  if (fsync(handle_.get()) != 0)
    return system_error("cannot sync the directory", directory_);
  return {};
}

result<void> directory_guard::check_directory(bool allow_fuse) const {
  struct stat status {};
  struct statfs file_system {};
  if (fstat(handle_.get(), &status) != 0 || fstatfs(handle_.get(), &file_system) != 0)
    return system_error("cannot look at", directory_);
  if (const auto objection = file_system_objection(file_system.f_type, allow_fuse))
    return error{errc::unsupported_file_system, directory_.string() + " is on "
                                                    + std::string{*objection}
                                                    + ", where a journal is not safe"};
  return check_private(status, directory_);
}

result<void> directory_guard::lock_for_writing() {
  const std::filesystem::path path = directory_ / owner_lock_name;
  owner_lock_ = descriptor{openat(handle_.get(), owner_lock_name.data(),
                                  O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR)};
  if (!owner_lock_)
    return system_error("cannot open", path);
  if (flock(owner_lock_.get(), LOCK_EX | LOCK_NB) == 0)
    return {};
  const int failure = errno;
  owner_lock_ = descriptor{}; // not ours to unlock
  errno = failure;
  if (failure == EWOULDBLOCK)
    return error{errc::locked,
                 "another process has the journal in " + directory_.string() + " open for writing"};
  return system_error("cannot lock", path);
}

bool directory_guard::claim(file_identity identity) {
  open_files& files = files_of_this_process();
  const std::lock_guard lock{files.mutex};
  if (!files.identities.insert(identity).second)
    return false;
  claimed_.push_back(identity);
  return true;
}

} // namespace cairn::detail
