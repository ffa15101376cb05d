#include "support/process_identity.hpp"

#include <cairn/error.hpp>

#include <atomic>

#include <sys/mman.h>

namespace cairn::detail {
namespace {

using token = std::atomic<std::uint64_t>;

token* map_token() noexcept {
  void* page =
      mmap(nullptr, sizeof(token), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CAIRN_ASSERT(page != MAP_FAILED);
  CAIRN_ASSERT(madvise(page, sizeof(token), MADV_WIPEONFORK) == 0);
  return static_cast<token*>(page); // zero pages are a valid atomic of value 0
}

std::atomic<std::uint64_t> last_token{0}; // copied by fork, so a child goes on counting

} // namespace

std::uint64_t process_token() noexcept {
  static token* const own = map_token();
  std::uint64_t value = own->load(std::memory_order_relaxed);
  if (value == 0) [[unlikely]] {
    const std::uint64_t fresh = last_token.fetch_add(1) + 1;
    if (own->compare_exchange_strong(value, fresh))
      value = fresh;
  }
  return value;
}

} // namespace cairn::detail
