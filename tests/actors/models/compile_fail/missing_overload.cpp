// Compiled by missing_overload.cmake: without a macro it must compile, with one it must not.

#include <cairn/detail/model.hpp>
#include <cairn/projection.hpp>

#include "account.hpp"

namespace {

struct forgetful_account {
  static constexpr std::string_view type_name = "account";
  using state = test::account_state;
  using command = std::variant<test::deposit, test::withdraw>;
  using event = std::variant<test::deposited, test::withdrawn>;

  static cairn::decision<event> decide(const state&, const test::deposit&);
  static void evolve(state&, const test::deposited&);
#ifndef WITHOUT_DECIDE
  static cairn::decision<event> decide(const state&, const test::withdraw&);
#endif
#ifndef WITHOUT_EVOLVE
  static void evolve(state&, const test::withdrawn&);
#endif

  using older_event = std::variant<test::fee_taken>;
#ifndef WITHOUT_UPCAST
  static test::withdrawn upcast(const test::fee_taken&);
#endif
};

struct forgetful_sheet {
  static constexpr std::string_view name = "sheet";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<test::deposited, test::withdrawn>;
  static constexpr cairn::table<std::string, test::holding> balances{"balances"};
  static constexpr auto tables = std::tie(balances);

  static void project(cairn::table_writer&, const cairn::event_info&, test::Deposited::Reader);
#ifndef WITHOUT_PROJECT
  static void project(cairn::table_writer&, const cairn::event_info&, const test::withdrawn&);
#endif
};

} // namespace

const cairn::detail::typed_projection<forgetful_sheet> sheet;
const cairn::detail::typed_model<forgetful_account> model{cairn::aggregate_options{}};
