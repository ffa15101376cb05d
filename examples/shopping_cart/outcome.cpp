#include "outcome.hpp"

#include <iostream>
#include <string>

namespace shop {

status complain(status how, std::string_view what) {
  std::cerr << "shopping_cart: " << what << '\n';
  return how;
}

status complain(const cairn::error& failure) {
  switch (failure.code()) {
    case cairn::errc::version_conflict:
    case cairn::errc::not_found: return complain(status::refused, failure.message());
    case cairn::errc::invalid_argument: return complain(status::bad_input, failure.message());
    default:
      return complain(status::failed,
                      std::string{to_string(failure.code())} + ": " + failure.message());
  }
}

status finish(status ended) {
  if (std::cout.flush())
    return ended;
  return complain(status::failed, "the output could not be written");
}

} // namespace shop
