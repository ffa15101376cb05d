#include "cart.hpp"
#include "commands.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <string>

namespace {

using shop::arguments;
using shop::status;

constexpr std::uint64_t max_quantity = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t max_number = std::numeric_limits<std::uint64_t>::max();

/// An option with a decimal number. (The parser's own numbers may be octal or hexadecimal.)
template <class Target>
void add_number(CLI::App& to, const std::string& name, const std::string& unit, Target& target,
                std::uint64_t min, std::uint64_t max, const std::string& description) {
  const auto read = [&target, name, min, max](const std::string& text) {
    std::uint64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stopped != end || number < min || number > max) {
      throw CLI::ValidationError{name, "must be a whole number from " + std::to_string(min) + " to "
                                           + std::to_string(max) + ", not '" + text + "'"};
    }
    target = Target{number};
  };
  to.add_option_function<std::string>(name, read, description)->type_name(unit);
}

/// What every command takes; also accepted in front of the command.
void add_common(CLI::App& to, arguments& given) {
  to.add_option("--data", given.data, "Where the carts are kept; created if need be [./cart-data]")
      ->type_name("DIR")
      ->check([](const std::string& directory) {
        return directory.empty() ? "the directory must have a name" : std::string{};
      });
  to.add_flag("--json", given.json, "Print JSON");
}

void add_cart(CLI::App& to, arguments& given) {
  to.add_option("CART", given.cart, "The cart's name")->required()->type_name("");
}

void add_sku(CLI::App& to, arguments& given) {
  to.add_option("SKU", given.sku, "The item")
      ->required()
      ->type_name("")
      ->check([](const std::string& sku) {
        const auto problem = shop::sku_problem(sku);
        return problem ? "the SKU cannot be used: " + *problem : std::string{};
      });
}

void add_price(CLI::App& to, arguments& given) {
  add_number(to, "--price", "CENTS", given.price, 0, max_number, "Unit price in cents [0]");
}

/// The options of the commands that change a cart.
void add_conditions(CLI::App& to, arguments& given) {
  add_number(to, "--expect", "VERSION", given.expect, 0, max_number,
             "Refuse unless the cart is at this version (0: it is new)");
  to.add_option("--command-id", given.command_id,
                "Names the command: sent again with the same id, it has its effect once")
      ->type_name("ID");
}

CLI::App& add_command(CLI::App& app, arguments& given, status& ended, const std::string& name,
                      status (*run)(const arguments&), const std::string& description) {
  auto& command = *app.add_subcommand(name, description);
  command.callback([&given, &ended, run] { ended = run(given); });
  return command;
}

void add_import(CLI::App& app, arguments& given, status& ended) {
  auto& command = add_command(app, given, ended, "import", shop::run_import,
                              "Make a cart of each line of a file, and check it out");
  command
      .add_option("FILE", given.file,
                  "CSV: a basket a line, its items separated by commas. Line 7 of tea.csv becomes "
                  "the cart tea-7. Importing again changes nothing")
      ->required()
      ->type_name("");
  add_price(command, given);
  add_common(command, given);
}

void add_changes(CLI::App& app, arguments& given, status& ended) {
  auto& add =
      add_command(app, given, ended, "add", shop::run_add, "Put an item into a cart, new or not");
  add_cart(add, given);
  add_sku(add, given);
  add_number(add, "--quantity", "N", given.quantity, 1, max_quantity, "How many [1]");
  add_price(add, given);

  auto& remove =
      add_command(app, given, ended, "remove", shop::run_remove, "Take an item out of a cart");
  add_cart(remove, given);
  add_sku(remove, given);
  add_number(remove, "--quantity", "N", given.quantity, 1, max_quantity, "How many [all of it]");

  auto& checkout = add_command(app, given, ended, "checkout", shop::run_checkout,
                               "Close a cart: it takes no more changes");
  add_cart(checkout, given);

  for (auto* command : {&add, &remove, &checkout}) {
    add_conditions(*command, given);
    add_common(*command, given);
  }
}

void add_views(CLI::App& app, arguments& given, status& ended) {
  auto& show = add_command(app, given, ended, "show", shop::run_show,
                           "Show what is in a cart, now or at an earlier version");
  add_cart(show, given);
  add_number(show, "--at", "VERSION", given.at, 0, max_number,
             "As it was after its event with this number [the last]");
  add_common(show, given);

  auto& history =
      add_command(app, given, ended, "history", shop::run_history, "List all events of a cart");
  add_cart(history, given);
  add_common(history, given);

  auto& top = add_command(app, given, ended, "top", shop::run_top,
                          "List the items that were put into carts most often");
  add_number(top, "N", "", given.top, 1, max_number, "How many [10]");
  add_common(top, given);

  auto& carts = add_command(app, given, ended, "carts", shop::run_carts, "List the carts");
  carts
      .add_option_function<std::string>(
          "--state", [&given](const std::string& state) { given.checked_out = state != "open"; },
          "Only those that are open, or only those that are checked out")
      ->type_name("STATE")
      ->check(CLI::IsMember({"open", "checked-out"}));
  carts.add_flag("--count", given.count, "Only how many there are");
  add_common(carts, given);

  auto& check = add_command(app, given, ended, "check", shop::run_check,
                            "Fold a journal, or a copy of it, through this version of the program");
  check.add_option("JOURNAL", given.file, "The data directory that holds it")
      ->required()
      ->type_name("");
  check.add_flag("--json", given.json, "Print JSON");
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Shopping carts that remember everything: an example of Cairn.", "shopping_cart"};
  app.footer(
      "Exit status: 0 done; 1 rejected, in conflict, or no such cart; 2 bad usage or input;\n"
      "3 the journal or the machine failed. The reason is on standard error.\n"
      "'shopping_cart COMMAND --help' tells more about one.");
  app.require_subcommand(1);
  arguments given;
  auto ended = status::done;
  add_common(app, given);
  add_import(app, given, ended);
  add_changes(app, given, ended);
  add_views(app, given, ended);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    // 0: help was asked for, and is printed.
    return app.exit(wrong) == 0 ? 0 : static_cast<int>(status::bad_input);
  }
  return static_cast<int>(ended);
}
