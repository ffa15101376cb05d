// An application that has nothing of Cairn but what the install gave it.
#include <cairn/error.hpp>

#ifdef CONSUMER_HAS_SCHEMAS
#include "counter.capnp.hpp"
#endif

#include <iostream>

int main() {
  std::cout << "linked, and knows " << cairn::to_string(cairn::errc::version_conflict) << '\n';
#ifdef CONSUMER_HAS_SCHEMAS
  if (added{.amount = 3} == added{.amount = 4})
    return 1;
#endif
  return 0;
}
