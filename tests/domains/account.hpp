#pragma once

#include <cairn/aggregate.hpp>

#include "account.cairn.hpp"

#include <stdexcept>
#include <string_view>
#include <variant>

namespace test {

/// The aggregate that the actor layer is tested with. It has every form that decide and evolve may
/// take, and commands that fail in each way that a command can.
struct account {
  static constexpr std::string_view type_name = "account";
  using state = account_state;
  using command = std::variant<deposit, withdraw, transfer, touch, close, fail>;
  using event = std::variant<deposited, withdrawn, fee_taken, closed, broken>;

  static cairn::decision<event> decide(const state& now, const deposit& c) {
    if (now.closed)
      return cairn::reject("closed");
    return deposited{.amount = c.amount, .note = c.note};
  }
  static cairn::decision<event> decide(const state& now, Withdraw::Reader c) {
    if (now.closed)
      return cairn::reject("closed");
    if (c.getAmount() > now.balance)
      return cairn::reject("insufficient_funds", "the balance is " + std::to_string(now.balance));
    return withdrawn{.amount = c.getAmount()};
  }
  static cairn::decision<event> decide(const state& now, const transfer& c) {
    if (c.amount + c.fee > now.balance)
      return cairn::reject("insufficient_funds");
    return {withdrawn{.amount = c.amount}, fee_taken{.amount = c.fee}};
  }
  static cairn::decision<event> decide(const state&, const touch&) { return cairn::no_events; }
  static cairn::decision<event> decide(const state& now, const close&) {
    if (now.closed)
      return cairn::reject("closed");
    return closed{};
  }
  static cairn::decision<event> decide(const state&, const fail& c) {
    if (c.where == fail_where::decide)
      throw std::runtime_error{"decide was told to fail"};
    return broken{};
  }

  static void evolve(state& now, Deposited::Reader e) {
    now.balance += e.getAmount();
    now.last_note = e.getNote();
    ++now.movements;
  }
  static void evolve(state& now, const withdrawn& e) {
    now.balance -= e.amount;
    ++now.movements;
  }
  static void evolve(state& now, const fee_taken& e) {
    now.balance -= e.amount;
    ++now.movements;
  }
  static void evolve(state& now, const closed&) { now.closed = true; }
  static void evolve(state& now, const broken&) {
    now.balance = 0; // half done
    throw std::runtime_error{"evolve was told to fail"};
  }
};

} // namespace test
