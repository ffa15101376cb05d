#pragma once

#include <capnp/message.h>
#include <capnp/schema.capnp.h>
#include <capnp/schema.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace cairn::detail {

/// The schema of one struct or enum in its canonical form: equal schemas have equal words.
///
/// The name of the file that declares it is left out, because that says where a program was built.
class schema_node {
public:
  /// Takes stored words. Throws `kj::Exception` if they are not the canonical form of a schema that
  /// is whole in itself: what is in here can be read without failing.
  static schema_node stored(std::vector<std::uint64_t> words);

  static schema_node canonical(capnp::schema::Node::Reader node);

  std::span<const std::uint64_t> words() const noexcept { return words_; }
  capnp::schema::Node::Reader reader() const { return node_; }
  std::uint64_t id() const { return node_.getId(); }

  /// With the names of the structs around it: "Fail.Where".
  std::string name() const;

  bool operator==(const schema_node& other) const noexcept { return words_ == other.words_; }

private:
  explicit schema_node(std::vector<std::uint64_t> words);

  std::vector<std::uint64_t> words_;
  std::unique_ptr<capnp::MessageReader> message_; // of the words
  capnp::schema::Node::Reader node_;
};

using schema_nodes = std::map<std::uint64_t, schema_node>;

/// Adds the schema and those of all structs and enums that it contains.
void collect(capnp::StructSchema schema, schema_nodes& into);

/// The ids of `roots` and of all that they contain, as far as `known` has them.
std::set<std::uint64_t> reachable(std::span<const std::uint64_t> roots, const schema_nodes& known);

} // namespace cairn::detail
