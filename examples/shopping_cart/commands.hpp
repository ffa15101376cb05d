#pragma once

#include <cairn/version.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

/// The program's commands: each opens the journal, does its work, prints and closes it again.
namespace shop {

/// How a command ended: the program's exit status.
enum class status : int {
  done = 0,
  refused = 1,   ///< Rejected by the cart, a conflict of versions, or there is no such cart.
  bad_input = 2, ///< Bad usage, or bad input.
  failed = 3,    ///< The journal or the machine: a full disk, a locked directory, ...
};

/// What the command line says. Each command looks at what concerns it.
struct arguments {
  std::filesystem::path data = "cart-data";
  bool json = false;

  std::filesystem::path file;
  std::string cart;
  std::string sku;
  std::optional<std::uint64_t> quantity;
  std::uint64_t price = 0; // cents
  std::optional<cairn::version> expect;
  std::optional<std::string> command_id;
  std::optional<cairn::version> at;
  std::uint64_t top = 10;
  std::optional<bool> checked_out; ///< Of the carts to list; empty: all.
  bool count = false;
};

status run_import(const arguments& given);
status run_add(const arguments& given);
status run_remove(const arguments& given);
status run_checkout(const arguments& given);
status run_show(const arguments& given);
status run_history(const arguments& given);
status run_top(const arguments& given);
status run_carts(const arguments& given);
status run_check(const arguments& given);

} // namespace shop
