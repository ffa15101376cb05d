#include "lmdb/page_check.hpp"
#include "lmdb/page_format.hpp"
#include "support/descriptor.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace cairn::detail {
namespace {

using namespace page_format;

constexpr std::size_t least_page_bytes = 512, most_page_bytes = 32'768; // LMDB's own

struct root_page {
  page_header header;
  meta_record meta;
};

bool is_sound(const root_page& root, std::uint64_t number) noexcept {
  const std::uint32_t page_bytes = root.meta.free_pages.pad;
  return root.header.number == number && root.header.flags == page_flags::meta
         && root.meta.magic == magic && root.meta.version == data_version
         && std::has_single_bit(page_bytes) && page_bytes >= least_page_bytes
         && page_bytes <= most_page_bytes && (root.meta.free_pages.flags & integer_key) != 0
         && (root.meta.free_pages.flags & ~(integer_key | no_subdirectory)) == 0;
}

result<root_page> read_root_page(const descriptor& file, std::uint64_t number,
                                 std::size_t page_bytes) {
  std::array<std::byte, sizeof(root_page)> bytes{};
  const auto at = static_cast<off_t>(number * page_bytes);
  const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), at);
  if (got < 0)
    return lmdb_error(errc::io_failed, "cannot read the journal's file", errno);
  const auto root = load<root_page>(bytes.data());
  if (static_cast<std::size_t>(got) < bytes.size() || !is_sound(root, number))
    return damaged_file("root page " + std::to_string(number) + " is none");
  return root;
}

} // namespace

error damaged_file(std::string_view what) {
  return {errc::corrupt_journal, "the journal's file is damaged: " + std::string{what}};
}

result<void> check_root_pages(const std::filesystem::path& file) {
  const descriptor opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!opened)
    return lmdb_error(errc::io_failed, "cannot open " + file.string(), errno);
  auto first = read_root_page(opened, 0, 0);
  if (!first)
    return std::move(first).error();
  const std::size_t page_bytes = first->meta.free_pages.pad;
  auto second = read_root_page(opened, 1, page_bytes);
  if (!second)
    return std::move(second).error();
  if (second->meta.free_pages.pad != page_bytes)
    return damaged_file("its root pages do not agree about the size of a page");
  return {};
}

} // namespace cairn::detail
