#include "records/nesting.hpp"

namespace cairn::detail {
namespace {

bool members_nest_within(capnp::AnyStruct::Reader of, int levels) {
  for (const auto member : of.getPointerSection())
    if (!nests_within(member, levels))
      return false;
  return true;
}

bool elements_nest_within(capnp::AnyList::Reader of, int levels) {
  switch (of.getElementSize()) {
    case capnp::ElementSize::POINTER:
      for (const auto element : of.as<capnp::List<capnp::AnyPointer>>())
        if (!nests_within(element, levels))
          return false;
      return true;
    case capnp::ElementSize::INLINE_COMPOSITE:
      for (const auto element : of.as<capnp::List<capnp::AnyStruct>>())
        if (levels < 1 || !members_nest_within(element, levels - 1))
          return false;
      return true;
    default: return true;
  }
}

} // namespace

bool nests_within(capnp::AnyPointer::Reader pointer, int levels) {
  if (pointer.isNull() || pointer.isCapability())
    return true;
  if (levels < 1)
    return false;
  return pointer.isStruct() ? members_nest_within(pointer.getAs<capnp::AnyStruct>(), levels - 1)
                            : elements_nest_within(pointer.getAs<capnp::AnyList>(), levels - 1);
}

} // namespace cairn::detail
