#pragma once

#include "cart.hpp"
#include "report.hpp"

#include <cairn/aggregates.hpp>

#include <string>

namespace crash {

inline std::string cart_id(std::uint32_t cart) {
  return "cart-" + std::to_string(cart);
}

inline report::rejection rejection_of(const cairn::reply& answer) {
  const auto& code = answer.rejection().code;
  if (code == "deleted")
    return report::rejection::deleted;
  return code == "exists" ? report::rejection::exists : report::rejection::unknown;
}

/// Sends what `order` says.
inline cairn::future<cairn::reply> send(const cairn::aggregates<cart>& carts, const report& order,
                                        std::uint64_t run) {
  cairn::ask_options options;
  options.command_id = {run, order.id};
  const auto id = cart_id(order.cart);
  switch (order.asked) {
    case report::command::create: return carts.ask(id, create{}, options);
    case report::command::modify: return carts.ask(id, modify{.events = order.events}, options);
    case report::command::delete_cart: break;
  }
  return carts.ask(id, delete_cart{}, options);
}

/// `order` with what became of it.
inline report outcome_of(report order, const cairn::result<cairn::reply>& outcome) {
  if (!outcome) {
    order.what = report::kind::failed;
    order.code = static_cast<std::uint32_t>(outcome.error().code());
    return order;
  }
  order.version = outcome->version().number();
  order.position = outcome->position().number();
  if (outcome->accepted()) {
    order.what = outcome->repeated() ? report::kind::repeated : report::kind::accepted;
  } else {
    order.what = report::kind::rejected;
    order.code = static_cast<std::uint32_t>(rejection_of(*outcome));
  }
  return order;
}

} // namespace crash
