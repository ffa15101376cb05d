#pragma once

#include <malloc.h>

#include <algorithm>
#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace test {

/// What the program has allocated and not given back. Pages of a memory map do not count: they are
/// the disk's.
inline std::size_t heap_bytes() {
#ifdef __SANITIZE_ADDRESS__
  return __sanitizer_get_current_allocated_bytes();
#else
  const auto all = ::mallinfo2();
  return all.uordblks + all.hblkhd;
#endif
}

/// How much more that has become, at most, than when it was made.
class heap_watch {
public:
  void look() { most_ = std::max(most_, heap_bytes()); }
  std::size_t growth() {
    look();
    return most_ - begin_;
  }

private:
  const std::size_t begin_ = heap_bytes();
  std::size_t most_ = begin_;
};

} // namespace test
