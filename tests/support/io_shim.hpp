#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

/// Stands between a program and the system's calls that change files. A program that is linked with
/// io_shim.cpp, and exports its symbols, has its own `pwrite`, `fdatasync` and so on: also for the
/// shared libraries that it uses, LMDB above all. Nothing is different until `watch_io` is called.
namespace test {

/// A call that changes a file of the watched directory, or makes it durable.
struct io_call {
  enum class kind {
    write,          ///< `parts` at `offset`.
    truncate,       ///< To `offset` bytes.
    sync,           ///< All of the file's bytes.
    sync_directory, ///< The names in a directory.
    rename,         ///< `path` becomes `new_path`.
  };

  kind what;
  std::string path; ///< From the watched directory; empty: that directory itself.
  std::string new_path = {};
  std::uint64_t offset = 0;
  std::span<const iovec> parts = {};
  bool synchronous = false; ///< A write that is durable when it returns (O_DSYNC).
};

/// What is done instead of the call.
struct io_failure {
  int error;          ///< Becomes `errno`.
  bool done = false;  ///< The call is carried out all the same, and then fails.
  bool first = false; ///< Of a write's parts, the first one is written, and then it fails.
};

/// Is told of each call, from the thread that makes it. It must not make any itself.
class io_observer {
public:
  virtual std::optional<io_failure> before(const io_call& call) = 0;
  virtual void after(const io_call& call, bool succeeded) = 0;

protected:
  ~io_observer() = default;
};

/// Shows the calls on files below `directory`, but for locks, to `observer` from now on; null:
/// nobody. While no thread makes such calls.
void watch_io(const std::filesystem::path& directory, io_observer* observer);

} // namespace test
