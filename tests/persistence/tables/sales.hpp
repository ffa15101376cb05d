#pragma once

#include <cairn/table_store.hpp>

#include "rows.cairn.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::test {

struct by_quantity {
  static constexpr std::string_view name = "by-quantity";
  static std::uint64_t key(const sale& row) { return row.quantity; }
};

constexpr table<std::string, sale, by_quantity> sales{"sales"};

using listing = std::vector<std::pair<std::string, std::uint64_t>>;

} // namespace cairn::test
