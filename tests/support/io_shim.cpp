#include "io_shim.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <string_view>

namespace test {
namespace {

std::atomic<io_observer*> observer{nullptr};
std::string& watched() {
  static std::string directory;
  return directory;
}

/// The path from the watched directory; nothing if it is elsewhere, or a lock.
std::optional<std::string> watched_part(std::string_view path) {
  const std::string& root = watched();
  if (!path.starts_with(root))
    return std::nullopt;
  path.remove_prefix(root.size());
  if (!path.empty() && !path.starts_with('/'))
    return std::nullopt;
  if (path.ends_with("-lock") || path.ends_with(".lock"))
    return std::nullopt;
  return std::string{path.empty() ? path : path.substr(1)};
}

std::optional<std::string> watched_path(int file) {
  if (observer.load() == nullptr)
    return std::nullopt;
  std::array<char, PATH_MAX> path;
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const auto size = ::readlink(link.c_str(), path.data(), path.size());
  if (size <= 0)
    return std::nullopt;
  return watched_part({path.data(), static_cast<std::size_t>(size)});
}

bool is_directory(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_synchronous(int file) {
  return (::fcntl(file, F_GETFL) & O_DSYNC) != 0;
}

/// Carries `call` out by `perform`, unless the observer wants it to fail.
template <class Perform>
long observe(const io_call& call, Perform&& perform) {
  auto* const told = observer.load();
  const auto failure = told->before(call);
  long done = 0;
  if (!failure)
    done = perform(call.parts);
  else if (failure->done)
    (void)perform(call.parts);
  else if (failure->first && call.what == io_call::kind::write)
    (void)perform(call.parts.first(1));
  const int error = failure ? failure->error : errno;
  if (failure)
    done = -1;
  told->after(call, done >= 0);
  errno = error;
  return done;
}

long write_at(int file, std::span<const iovec> parts, off_t offset) {
  return ::syscall(SYS_pwritev, file, parts.data(), parts.size(), offset, 0L);
}

ssize_t observed_write(int file, std::span<const iovec> parts, off_t offset, std::string path) {
  io_call call{io_call::kind::write, std::move(path)};
  call.offset = static_cast<std::uint64_t>(offset);
  call.parts = parts;
  call.synchronous = is_synchronous(file);
  return observe(call, [&](std::span<const iovec> some) { return write_at(file, some, offset); });
}

ssize_t shim_write(int file, std::span<const iovec> parts) {
  auto path = watched_path(file);
  if (!path)
    return ::syscall(SYS_writev, file, parts.data(), parts.size());
  const off_t at = ::lseek(file, 0, SEEK_CUR);
  const auto written = observed_write(file, parts, at, *std::move(path));
  if (written > 0)
    ::lseek(file, at + written, SEEK_SET);
  return written;
}

ssize_t shim_pwrite(int file, std::span<const iovec> parts, off_t offset) {
  auto path = watched_path(file);
  return path ? observed_write(file, parts, offset, *std::move(path))
              : write_at(file, parts, offset);
}

int shim_sync(int file, long number) {
  const auto perform = [&](std::span<const iovec>) { return ::syscall(number, file); };
  auto path = watched_path(file);
  if (!path)
    return static_cast<int>(perform({}));
  const auto what = is_directory(file) ? io_call::kind::sync_directory : io_call::kind::sync;
  return static_cast<int>(observe({what, *std::move(path)}, perform));
}

int shim_truncate(int file, off_t size) {
  const auto perform = [&](std::span<const iovec>) { return ::syscall(SYS_ftruncate, file, size); };
  auto path = watched_path(file);
  if (!path)
    return static_cast<int>(perform({}));
  io_call call{io_call::kind::truncate, *std::move(path)};
  call.offset = static_cast<std::uint64_t>(size);
  return static_cast<int>(observe(call, perform));
}

int shim_rename(const char* from, const char* to) {
  const auto perform = [&](std::span<const iovec>) { return ::syscall(SYS_rename, from, to); };
  if (observer.load() == nullptr)
    return static_cast<int>(perform({}));
  auto path = watched_part(from), new_path = watched_part(to);
  if (!path || !new_path)
    return static_cast<int>(perform({}));
  io_call call{io_call::kind::rename, *std::move(path)};
  call.new_path = *std::move(new_path);
  return static_cast<int>(observe(call, perform));
}

} // namespace

void watch_io(const std::filesystem::path& directory, io_observer* told) {
  watched() = directory.string();
  observer.store(told);
}

} // namespace test

// The names under which the system's calls are known. A file's offset has 64 bits under both.
extern "C" {

ssize_t write(int file, const void* bytes, size_t size) {
  const iovec part{const_cast<void*>(bytes), size};
  return test::shim_write(file, {&part, 1});
}
ssize_t writev(int file, const iovec* parts, int count) {
  return test::shim_write(file, {parts, static_cast<std::size_t>(count)});
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  const iovec part{const_cast<void*>(bytes), size};
  return test::shim_pwrite(file, {&part, 1}, offset);
}
ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
  return pwrite(file, bytes, size, offset);
}
ssize_t pwritev(int file, const iovec* parts, int count, off_t offset) {
  return test::shim_pwrite(file, {parts, static_cast<std::size_t>(count)}, offset);
}
ssize_t pwritev64(int file, const iovec* parts, int count, off64_t offset) {
  return pwritev(file, parts, count, offset);
}
int fsync(int file) {
  return test::shim_sync(file, SYS_fsync);
}
int fdatasync(int file) {
  return test::shim_sync(file, SYS_fdatasync);
}
int ftruncate(int file, off_t size) noexcept {
  return test::shim_truncate(file, size);
}
int ftruncate64(int file, off64_t size) noexcept {
  return test::shim_truncate(file, size);
}
int rename(const char* from, const char* to) noexcept {
  return test::shim_rename(from, to);
}

} // extern "C"
