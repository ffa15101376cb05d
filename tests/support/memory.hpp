#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace test {

/// Where files live that no test wants to survive: in memory if it can be, because a sync, of which
/// some tests make very many, costs nothing there.
inline std::filesystem::path memory_directory() {
  const char* const memory = "/dev/shm";
  return ::access(memory, W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
}

/// Lets this process put all temporary files there.
inline void keep_temporary_files_in_memory() {
  ::setenv("TMPDIR", memory_directory().c_str(), 1);
}

} // namespace test
