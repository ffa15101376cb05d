// A file of baskets, as the shopping cart imports it: any bytes are baskets or are reported.

#include "basket_file.hpp"
#include "cart.hpp"
#include "target.hpp"

#include <cairn/error.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <variant>

std::vector<fuzz::input> fuzz::seeds() {
  return {"tea,milk,oat bar\n\"a, b\",\"say \"\"x\"\"\"\r\n\n,\n", "\xEF\xBB\xBFtea\nno end",
          "\"not closed,tea\n tea\t, milk \n" + std::string(300, 'x') + "\n"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const int file = ::memfd_create("baskets", MFD_CLOEXEC);
  CAIRN_ASSERT(file >= 0 && ::write(file, bytes, size) == static_cast<ssize_t>(size));
  auto baskets = shop::basket_file::open("/proc/self/fd/" + std::to_string(file));
  CAIRN_ASSERT(baskets.has_value());
  std::uint64_t lines = 0;
  for (auto line = baskets->next(); *line; line = baskets->next()) {
    ++lines;
    if (const auto* const found = std::get_if<shop::basket>(&**line)) {
      CAIRN_ASSERT(found->line == lines && !found->items.empty());
      for (const auto& item : found->items)
        CAIRN_ASSERT(!shop::sku_problem(item));
    } else {
      CAIRN_ASSERT(!std::get<shop::malformed_line>(**line).reason.empty());
    }
  }
  CAIRN_ASSERT(baskets->bytes_read() == size);
  ::close(file);
  return 0;
}
