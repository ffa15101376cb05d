#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

/// The pages of an LMDB 0.9 file on a 64-bit little-endian machine, as its mdb.c lays them out.
namespace cairn::detail::page_format {

inline constexpr std::uint32_t magic = 0xbeefc0de;
inline constexpr std::uint32_t data_version = 1;
inline constexpr std::uint64_t no_page = ~std::uint64_t{0};

enum page_flags : std::uint16_t { branch = 0x01, leaf = 0x02, overflow = 0x04, meta = 0x08 };
enum node_flags : std::uint16_t { big_data = 0x01, sub_database = 0x02 };

/// Of an environment and of a database: keys are integers in the machine's order.
inline constexpr std::uint16_t integer_key = 0x08;
/// Of an environment: the file has a name of its own.
inline constexpr std::uint16_t no_subdirectory = 0x4000;

/// In front of every page but the second and later ones of an overflow run.
struct page_header {
  std::uint64_t number;
  std::uint16_t pad;
  std::uint16_t flags;
  std::uint16_t lower; ///< End of the node offsets, which follow this header.
  std::uint16_t upper; ///< Begin of the nodes, which reach to the page's end.

  /// Of the first page of an overflow run, in place of the two above: how many pages it has.
  constexpr std::uint32_t overflow_pages() const noexcept {
    return lower | std::uint32_t{upper} << 16;
  }
};

/// In front of a key, which is followed by the value. Nodes lie at even offsets only.
struct node_header {
  std::uint16_t low;   ///< A leaf: of the value's size. A branch: of the child's page number.
  std::uint16_t high;  ///< The next 16 bits.
  std::uint16_t flags; ///< A branch: the highest 16 bits of the page number.
  std::uint16_t key_bytes;
};

struct database_record {
  std::uint32_t pad; ///< Of the list of free pages: the page size.
  std::uint16_t flags;
  std::uint16_t depth;
  std::uint64_t branch_pages;
  std::uint64_t leaf_pages;
  std::uint64_t overflow_pages;
  std::uint64_t entries;
  std::uint64_t root;
};

struct meta_record {
  std::uint32_t magic;
  std::uint32_t version;
  std::uint64_t address;
  std::uint64_t map_bytes;
  database_record free_pages;
  database_record main;
  std::uint64_t last_page;
  std::uint64_t transaction;
};

static_assert(sizeof(page_header) == 16 && sizeof(node_header) == 8);
static_assert(sizeof(database_record) == 48 && sizeof(meta_record) == 136);

/// Nodes, and what is in them, lie at any even address.
template <class Record>
Record load(const std::byte* from) noexcept {
  Record record;
  std::memcpy(&record, from, sizeof(record));
  return record;
}

} // namespace cairn::detail::page_format
