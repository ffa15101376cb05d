#pragma once

#include "basket_file.hpp"
#include "cart.hpp"

#include <cairn/aggregates.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace shop {

struct import_options {
  std::uint64_t unit_price_cents = 0; ///< Of every item.

  /// Called for each line that is malformed or refused, with the reason; in the thread that
  /// imports.
  std::function<void(std::uint64_t line, const std::string& reason)> on_problem = {};

  /// Called now and then, with how much of the file has been read; may be empty.
  std::function<void(std::uint64_t bytes_read, std::uint64_t bytes)> on_progress = {};
};

struct import_totals {
  std::uint64_t baskets = 0; ///< Well-formed lines.
  std::uint64_t items = 0;   ///< In these baskets.

  // Commands, by their replies. Each is in one of these.
  std::uint64_t accepted = 0; ///< Had its effect now.
  std::uint64_t repeated = 0; ///< Had had its effect before, in an earlier import of the file.
  std::uint64_t rejected = 0; ///< Refused by the cart.

  std::uint64_t malformed = 0; ///< Lines.
};

struct import_report {
  import_totals totals;
  std::optional<cairn::error> failure; ///< Why the import ended before the end of the file.
};

/// Imports a file of baskets to its end: each line becomes a cart, named
/// `<file name without ending>-<line>`, that each item of the line is added to and that is then
/// checked out. A cart that refuses a command gets no further ones.
///
/// Importing the same file again changes nothing, wherever the import before ended: the id of each
/// command follows from its cart, its place and its content. Thousands of baskets are on their way
/// at a time, so that their commands share the journal's commits; each basket sends its next
/// command when the one before is durable, so a cart is always the beginning of its line.
///
/// Errors: `invalid_argument` if the file's name cannot be part of a cart's name.
cairn::result<import_report> import_baskets(const cairn::aggregates<shopping_cart>& carts,
                                            basket_file& file, const import_options& options);

} // namespace shop
