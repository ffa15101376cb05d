#include "commands.hpp"

#include "cart.hpp"
#include "import.hpp"
#include "outcome.hpp"
#include "terminal.hpp"
#include "views.hpp"

#include <cairn/reading_runtime.hpp>
#include <cairn/runtime.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <string_view>
#include <utility>

namespace shop {
namespace {

using json = nlohmann::ordered_json;

status no_such_cart(const arguments& given) {
  return complain(status::refused, "there is no cart " + given.cart + " in " + given.data.string());
}

/// Runs `work(runtime)` and closes the runtime.
template <class Runtime, class Work>
status within(cairn::result<Runtime> runtime, Work work) {
  if (!runtime)
    return complain(runtime.error());
  const auto ended = work(*runtime);
  if (const auto closed = runtime->close(); !closed)
    return complain(closed.error());
  return finish(ended);
}

/// Runs `work(carts)` where nobody else writes.
template <class Work>
status change_carts(const arguments& given, Work work) {
  auto opened = cairn::runtime::open({.storage = cairn::lmdb{given.data}});
  return within(std::move(opened), [&](cairn::runtime& runtime) {
    const auto carts = runtime.host<shopping_cart>(cart_options);
    return carts ? work(*carts) : complain(carts.error());
  });
}

/// Opens the journal to read, beside a process that may be writing it, such as an import.
cairn::result<cairn::reading_runtime> open_to_read(const arguments& given) {
  return cairn::reading_runtime::open({.directory = given.data});
}

/// Runs `work(carts)` beside a process that may be writing.
template <class Work>
status read_carts(const arguments& given, Work work) {
  return within(open_to_read(given), [&](cairn::reading_runtime& runtime) {
    const auto carts = runtime.host<shopping_cart>();
    return carts ? work(*carts) : complain(carts.error());
  });
}

/// Opens the tables of a view, lets them reach the journal's end, and runs `work(table_view)`.
template <class View, class Work>
status with_view(const arguments& given, Work work) {
  return within(open_to_read(given), [&](cairn::reading_runtime& runtime) {
    const auto view = runtime.project<View>();
    if (!view)
      return complain(view.error());
    if (const auto reached = view->wait_for(runtime.journal().last_position()); !reached)
      return complain(reached.error());
    const auto rows = view->read();
    return rows ? work(*rows) : complain(rows.error());
  });
}

/// Sends one command and prints what became of it; `what` names it in the past tense.
template <class Command>
status send(const arguments& given, std::string_view what, Command command) {
  // An id, so that a command whose outcome is unknown can be repeated safely.
  const auto id = given.command_id ? cairn::message_id::from_text(*given.command_id)
                                   : cairn::message_id::random();
  cairn::ask_options options{.command_id = id};
  if (given.expect)
    options.expected = cairn::expected_version::exact(*given.expect);

  return change_carts(given, [&](const auto& carts) {
    const auto reply = carts.ask(given.cart, std::move(command), options).get();
    if (!reply && reply.error().code() == cairn::errc::version_conflict) {
      return complain(status::refused, "conflict: " + given.cart + " is at version "
                                           + to_string(reply.error().version()) + ", not at "
                                           + to_string(options.expected.version()));
    }
    if (!reply && reply.error().code() == cairn::errc::outcome_unknown) {
      return complain(status::failed, "it is not known whether this was done ("
                                          + reply.error().message()
                                          + "); to find out, repeat it with --command-id "
                                          + given.command_id.value_or(id.to_string()));
    }
    if (!reply)
      return complain(reply.error());
    if (!reply->accepted()) {
      const auto& no = reply->rejection();
      return complain(status::refused,
                      "rejected: " + no.code + (no.message.empty() ? "" : ": " + no.message));
    }
    if (given.json) {
      std::cout << json{{"cart", given.cart},
                        {"version", reply->version().number()},
                        {"position", reply->position().bits()},
                        {"repeated", reply->repeated()}}
                << '\n';
    } else {
      std::cout << given.cart << ": " << what << (reply->repeated() ? " before" : "")
                << "; version " << reply->version() << '\n';
    }
    return status::done;
  });
}

json to_json(const arguments& given, const cart_state& cart, cairn::version version) {
  auto items = json::array();
  for (const auto& line : cart.items) {
    items.push_back({{"sku", line.sku},
                     {"quantity", line.quantity},
                     {"unitPriceCents", line.unit_price_cents}});
  }
  return {{"cart", given.cart},
          {"version", version.number()},
          {"state", cart.checked_out ? "checked-out" : "open"},
          {"items", std::move(items)}};
}

void print(const arguments& given, const cart_state& cart, cairn::version version) {
  std::cout << given.cart << ": " << (cart.checked_out ? "checked out" : "open") << ", version "
            << version << '\n';
  for (const auto& line : cart.items) {
    std::cout << std::setw(6) << line.quantity << " x " << line.sku << " at "
              << money(line.unit_price_cents) << '\n';
  }
  std::cout << " total " << money(cart.total_cents) << '\n';
}

/// How an event looks in a history: its type's name, its fields, and a sentence.
struct event_text {
  std::string type;
  json fields;
  std::string sentence;
};

template <class Item>
json item_fields(const Item& item) {
  return {
      {"sku", item.sku}, {"quantity", item.quantity}, {"unitPriceCents", item.unit_price_cents}};
}

template <class Item>
std::string item_sentence(std::string_view what, const Item& item) {
  return std::string{what} + ' ' + std::to_string(item.quantity) + " x " + item.sku + " at "
         + money(item.unit_price_cents);
}

event_text describe(const item_added& e) {
  return {"ItemAdded", item_fields(e), item_sentence("added", e)};
}

event_text describe(const item_removed& e) {
  return {"ItemRemoved", item_fields(e), item_sentence("removed", e)};
}

event_text describe(const checked_out& e) {
  return {"CheckedOut", {{"totalCents", e.total_cents}}, "checked out for " + money(e.total_cents)};
}

json to_json(const cairn::event_info& info, event_text event) {
  return {
      {"version", info.version.number()},
      {"position", info.position.bits()},
      {"recordedAt", utc_time(info.recorded_at, 9)},
      {"type", std::move(event.type)},
      {"fields", std::move(event.fields)},
      {"commandId", info.command_id.empty() ? json(nullptr) : json(info.command_id.to_string())}};
}

void print(const import_totals& totals, std::chrono::duration<double> took) {
  const auto commands = totals.accepted + totals.repeated + totals.rejected;
  const auto rate = static_cast<double>(commands) / std::max(took.count(), 1e-6);
  std::cout << "imported " << with_thousands(totals.baskets) << " baskets with "
            << with_thousands(totals.items) << " items in " << std::fixed << std::setprecision(2)
            << took.count() << " s\n"
            << with_thousands(commands) << " commands, each durable before its reply, "
            << with_thousands(static_cast<std::uint64_t>(rate))
            << " a second: " << with_thousands(totals.accepted) << " accepted, "
            << with_thousands(totals.repeated) << " repeated, " << with_thousands(totals.rejected)
            << " rejected\n";
  if (totals.malformed > 0)
    std::cout << with_thousands(totals.malformed) << " malformed lines were left out\n";
}

json to_json(const import_totals& totals) {
  return {{"baskets", totals.baskets},   {"items", totals.items},
          {"accepted", totals.accepted}, {"repeated", totals.repeated},
          {"rejected", totals.rejected}, {"malformed", totals.malformed}};
}

status status_of(const import_totals& totals) {
  if (totals.malformed > 0)
    return status::bad_input;
  return totals.rejected > 0 ? status::refused : status::done;
}

} // namespace

status run_import(const arguments& given) {
  // Before the journal, so that a mistyped name does not create one.
  auto file = basket_file::open(given.file);
  if (!file)
    return complain(status::bad_input, file.error().message());

  return change_carts(given, [&](const auto& carts) {
    progress_bar bar;
    import_options options{.unit_price_cents = given.price};
    options.on_problem = [&](std::uint64_t line, const std::string& reason) {
      bar.clear();
      std::cerr << given.file.string() << ':' << line << ": " << reason << '\n';
    };
    options.on_progress = [&](std::uint64_t done, std::uint64_t all) { bar.show(done, all); };

    const auto begin = std::chrono::steady_clock::now();
    const auto report = import_baskets(carts, *file, options);
    bar.clear();
    if (!report)
      return complain(status::bad_input, report.error().message());
    if (given.json)
      std::cout << to_json(report->totals) << '\n';
    else
      print(report->totals, std::chrono::steady_clock::now() - begin);
    if (!report->failure)
      return status_of(report->totals);
    complain(*report->failure);
    return complain(status::failed, "the import ended early; it can be repeated and goes on there");
  });
}

status run_add(const arguments& given) {
  return send(given, "added",
              add_item{.sku = given.sku,
                       .quantity = static_cast<std::uint32_t>(given.quantity.value_or(1)),
                       .unit_price_cents = given.price});
}

status run_remove(const arguments& given) {
  return send(given, "removed",
              remove_item{.sku = given.sku,
                          .quantity = static_cast<std::uint32_t>(given.quantity.value_or(0))});
}

status run_checkout(const arguments& given) {
  return send(given, "checked out", check_out{});
}

status run_show(const arguments& given) {
  return read_carts(given, [&](const auto& carts) {
    using seen = std::pair<cart_state, cairn::version>;
    auto now = carts
                   .query(given.cart,
                          [](const cart_state& cart, cairn::version version) {
                            return seen{cart, version};
                          })
                   .get();
    if (!now)
      return complain(now.error());
    auto& [cart, version] = *now;
    if (version.is_none())
      return no_such_cart(given);
    if (given.at) {
      auto past = carts.state_at_version(given.cart, *given.at);
      if (!past && past.error().code() == cairn::errc::not_found) {
        return complain(status::refused, given.cart + " has never been at version "
                                             + to_string(*given.at) + "; it is at "
                                             + to_string(version));
      }
      if (!past)
        return complain(past.error());
      cart = std::move(*past);
      version = *given.at;
    }
    if (given.json)
      std::cout << to_json(given, cart, version) << '\n';
    else
      print(given, cart, version);
    return status::done;
  });
}

status run_history(const arguments& given) {
  return read_carts(given, [&](const auto& carts) {
    const auto print_event = [&](const cairn::event_info& info,
                                 const shopping_cart::event& happened) {
      auto event = std::visit([](const auto& e) { return describe(e); }, happened);
      if (given.json) {
        std::cout << (info.version == cairn::version{1} ? "[\n " : ",\n ")
                  << to_json(info, std::move(event));
      } else {
        std::cout << std::setw(6) << info.version << "  " << utc_time(info.recorded_at, 3) << "  "
                  << event.sentence << '\n';
      }
    };
    const auto last = carts.history(given.cart, print_event);
    if (!last)
      return complain(last.error());
    if (last->is_none())
      return no_such_cart(given);
    if (given.json)
      std::cout << "\n]\n";
    return status::done;
  });
}

status run_top(const arguments& given) {
  return with_view<best_sellers>(given, [&](const cairn::table_view& rows) {
    auto listed = json::array();
    std::uint64_t left = given.top;
    const auto show = [&](std::uint64_t, const std::string& sku, const sale& row) {
      if (left == 0)
        return cairn::visit_result::stop;
      if (given.json)
        listed.push_back({{"sku", sku}, {"quantity", row.quantity}});
      else
        std::cout << std::setw(10) << with_thousands(row.quantity) << "  " << sku << '\n';
      return --left == 0 ? cairn::visit_result::stop : cairn::visit_result::proceed;
    };
    if (const auto scanned = rows.scan_by<by_rank>(best_sellers::sales, {}, show); !scanned)
      return complain(scanned.error());
    if (given.json)
      std::cout << listed << '\n';
    return status::done;
  });
}

status run_carts(const arguments& given) {
  return with_view<cart_list>(given, [&](const cairn::table_view& rows) {
    auto listed = json::array();
    std::uint64_t count = 0;
    const auto show = [&](const std::string& cart, bool checked_out) {
      ++count;
      if (given.count)
        return;
      const auto* const state = checked_out ? "checked-out" : "open";
      if (given.json)
        listed.push_back({{"cart", cart}, {"state", state}});
      else
        std::cout << std::left << std::setw(12) << state << cart << '\n';
    };
    const auto scanned = given.checked_out
                             ? rows.scan_by<by_state>(
                                 cart_list::carts,
                                 {.from = given.checked_out,
                                  .below = *given.checked_out ? std::nullopt : std::optional{true}},
                                 [&](bool checked_out, const std::string& cart, const auto&) {
                                   show(cart, checked_out);
                                 })
                             : rows.scan(cart_list::carts, {},
                                         [&](const std::string& cart, CartSummary::Reader row) {
                                           show(cart, row.getCheckedOut());
                                         });
    if (!scanned)
      return complain(scanned.error());
    if (given.count && given.json)
      std::cout << json{{"count", count}} << '\n';
    else if (given.count)
      std::cout << count << '\n';
    else if (given.json)
      std::cout << listed << '\n';
    return status::done;
  });
}

} // namespace shop
