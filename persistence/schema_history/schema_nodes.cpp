#include "schema_history/schema_nodes.hpp"

#include <capnp/schema-loader.h>
#include <capnp/serialize.h>

#include <cstring>
#include <string_view>
#include <utility>

namespace cairn::detail {
namespace {

std::vector<std::uint64_t> words_of_canonical(capnp::schema::Node::Reader node) {
  const auto canonical = capnp::canonicalize(node);
  std::vector<std::uint64_t> words(canonical.size());
  std::memcpy(words.data(), canonical.begin(), words.size() * sizeof(std::uint64_t));
  return words;
}

/// `most_words`: that may be read in all, those that are read again included.
std::unique_ptr<capnp::MessageReader> message_of(std::span<const std::uint64_t> words,
                                                 std::uint64_t most_words = UINT64_MAX) {
  struct one_segment final : capnp::MessageReader {
    one_segment(kj::ArrayPtr<const capnp::word> words, std::uint64_t most_words)
      : MessageReader{{.traversalLimitInWords = most_words, .nestingLimit = 64}}, segment{words} {}
    kj::ArrayPtr<const capnp::word> getSegment(unsigned id) override {
      return id == 0 ? segment : nullptr;
    }
    kj::ArrayPtr<const capnp::word> segment;
  };
  return std::make_unique<one_segment>(
      kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()), words.size()), most_words);
}

/// Calls `visit` with the id of each struct or enum that the type mentions.
template <class Visit>
void visit_type(capnp::schema::Type::Reader type, const Visit& visit) {
  switch (type.which()) {
    case capnp::schema::Type::LIST: return visit_type(type.getList().getElementType(), visit);
    case capnp::schema::Type::STRUCT: return visit(type.getStruct().getTypeId());
    case capnp::schema::Type::ENUM: return visit(type.getEnum().getTypeId());
    default: return;
  }
}

template <class Visit>
void visit_contents(capnp::schema::Node::Reader node, const Visit& visit) {
  if (!node.isStruct())
    return;
  for (const auto field : node.getStruct().getFields()) {
    if (field.isGroup())
      visit(field.getGroup().getTypeId());
    else
      visit_type(field.getSlot().getType(), visit);
  }
}

void collect_type(capnp::Type type, schema_nodes& into) {
  while (type.isList())
    type = type.asList().getElementType();
  if (type.isStruct())
    collect(type.asStruct(), into);
  else if (type.isEnum() && !into.contains(type.asEnum().getProto().getId()))
    into.emplace(type.asEnum().getProto().getId(),
                 schema_node::canonical(type.asEnum().getProto()));
}

} // namespace

schema_node::schema_node(std::vector<std::uint64_t> words)
  : words_{std::move(words)}, message_{message_of(words_)},
    node_{message_->getRoot<capnp::schema::Node>()} {}

schema_node schema_node::stored(std::vector<std::uint64_t> words) {
  constexpr std::uint64_t times_read = 64; // once more for each list that a few bytes claim to be
  const auto message = message_of(words, times_read * words.size());
  KJ_REQUIRE(message->isCanonical(), "a schema of the journal is not in its canonical form");
  const auto node = message->getRoot<capnp::schema::Node>();
  // Reads each field as what it is declared to be. The loader, which looks at what they say, would
  // describe a name that cannot be read by its name, until the stack is full (Cap'n Proto 0.9.2).
  (void)kj::str(node);
  capnp::SchemaLoader{}.load(node);
  return schema_node{std::move(words)};
}

schema_node schema_node::canonical(capnp::schema::Node::Reader node) {
  const std::string_view name{node.getDisplayName().cStr(), node.getDisplayName().size()};
  const auto file = name.find(':') + 1; // 0: it has none
  capnp::MallocMessageBuilder message;
  message.setRoot(node);
  auto copy = message.getRoot<capnp::schema::Node>();
  copy.setDisplayName(std::string{name.substr(file)}.c_str());
  copy.setDisplayNamePrefixLength(node.getDisplayNamePrefixLength() - static_cast<unsigned>(file));
  return schema_node{words_of_canonical(copy)};
}

std::string schema_node::name() const {
  return node_.getDisplayName().cStr();
}

void collect(capnp::StructSchema schema, schema_nodes& into) {
  const auto node = schema.getProto();
  if (into.contains(node.getId()))
    return;
  into.emplace(node.getId(), schema_node::canonical(node));
  for (const auto field : schema.getFields())
    collect_type(field.getType(), into);
}

std::set<std::uint64_t> reachable(std::span<const std::uint64_t> roots, const schema_nodes& known) {
  std::set<std::uint64_t> reached;
  std::vector<std::uint64_t> waiting{roots.begin(), roots.end()};
  while (!waiting.empty()) {
    const auto id = waiting.back();
    waiting.pop_back();
    const auto found = known.find(id);
    if (found == known.end() || !reached.insert(id).second)
      continue;
    visit_contents(found->second.reader(), [&](std::uint64_t inner) { waiting.push_back(inner); });
  }
  return reached;
}

} // namespace cairn::detail
