#pragma once

#include <capnp/any.h>

namespace cairn::detail {

/// Whether what the pointer leads to can be read by a reader that follows `levels` pointers in a
/// row, as Cap'n Proto counts them: a struct and a list are a level each, and so is a struct that
/// is an element of a list.
bool nests_within(capnp::AnyPointer::Reader pointer, int levels);

} // namespace cairn::detail
