// Compiled by missing_overload.cmake: without a macro it must compile, with one it must not.

#include <cairn/detail/model.hpp>

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

} // namespace

const cairn::detail::typed_model<forgetful_account> model{cairn::aggregate_options{}};
