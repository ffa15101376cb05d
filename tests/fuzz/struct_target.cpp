// Generated value structs: any message is refused or read, and what was read goes to the wire and
// back unchanged.

#include "records/record.hpp"
#include "target.hpp"

#include "catalogue.cairn.hpp"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

namespace {

using everything = catalogue::v1::everything;
using schema = cairn::schema_of<everything>;

fuzz::input encoded(const everything& value) {
  capnp::MallocMessageBuilder message;
  schema::write(value, message.initRoot<schema::wire>());
  // One segment, without a table: as in a record.
  const auto root = message.getRoot<capnp::AnyPointer>().asReader();
  capnp::MallocMessageBuilder whole{static_cast<unsigned>(root.targetSize().wordCount + 1),
                                    capnp::AllocationStrategy::FIXED_SIZE};
  whole.setRoot(root);
  const auto segment = whole.getSegmentsForOutput()[0];
  return fuzz::bytes_of(std::span{segment.begin(), segment.size()});
}

everything decoded(const std::vector<std::uint64_t>& words) {
  cairn::detail::message_in_place message{words, 0};
  return schema::read(message.root<schema::wire>());
}

} // namespace

std::vector<fuzz::input> fuzz::seeds() {
  everything full;
  full.pointers.text = "tea";
  full.pointers.data = {std::byte{1}, std::byte{2}};
  full.lists.voids.resize(3);
  full.lists.bools = {true, false, true};
  full.lists.texts = {"a", "", "milk"};
  full.lists.points.resize(2);
  full.lists.grid = {{1, 2}, {}, {3}};
  full.lists.cube = {{{"x"}, {}}, {}};
  full.tree.children.resize(2);
  full.tree.children[0].children.resize(1);
  full.tree.branches.resize(1);
  return {encoded(everything{}), encoded(full)};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto words = fuzz::words_of(bytes, size);
  try {
    const auto value = decoded(words);
    const auto once = encoded(value);
    if (once.size() > 8 * size + 4'096)
      return 0; // one list that many point to: too large to be read again within the limits
    const auto* const start = reinterpret_cast<const std::uint8_t*>(once.data());
    const auto twice = encoded(decoded(fuzz::words_of(start, once.size())));
    CAIRN_ASSERT(once == twice);
  } catch (const kj::Exception&) { // refused
  }
  return 0;
}
