#pragma once

#include <capnp/schema-loader.h>
#include <capnp/schema.capnp.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::schema_compiler {

/// Everything that one run of `capnp compile` hands to its plugin, with the C++ names of the types
/// in it.
///
/// Borrows the request, which must outlive it.
class schema_set {
public:
  explicit schema_set(capnp::schema::CodeGeneratorRequest::Reader request);

  /// The id must come from the request; Cap'n Proto includes every node that another refers to.
  capnp::schema::Node::Reader node(std::uint64_t id) const { return nodes_.at(id); }
  bool contains(std::uint64_t id) const { return nodes_.contains(id); }

  /// For reading defaults.
  capnp::StructSchema struct_schema(std::uint64_t id) const { return loader_.get(id).asStruct(); }

  /// The file that declares the type.
  std::uint64_t file_of(std::uint64_t type) const;

  /// Whether the type stands in the file itself or in structs only: what stands in an interface has
  /// no value struct.
  bool is_within_structs(std::uint64_t type) const;

  /// The file's `$Cxx.namespace`, without leading colons; empty without one.
  std::string cxx_namespace(std::uint64_t file) const;

  /// "item_added"; "order_line" for `Line` within `Order`; what `$Cairn.name` says if it is there.
  std::string value_name(std::uint64_t type) const;

  /// "::shop::order_line".
  std::string qualified_value_name(std::uint64_t type) const;

  /// "::shop::Order::Line", the class that Cap'n Proto's own plugin generates.
  std::string wire_name(std::uint64_t type) const;

  /// "Order.Line", as the schema calls it.
  std::string schema_name(std::uint64_t type) const;

  /// The comment that follows the declaration in the schema, line by line.
  std::vector<std::string> doc(std::uint64_t type) const;

  /// Likewise for the field or enumerant with this index.
  std::vector<std::string> member_doc(std::uint64_t type, unsigned index) const;

private:
  std::map<std::uint64_t, capnp::schema::Node::Reader> nodes_;
  std::map<std::uint64_t, capnp::schema::Node::SourceInfo::Reader> source_info_;
  capnp::SchemaLoader loader_;
};

/// What `$Cairn.name` says; empty without it.
std::string chosen_name(capnp::List<capnp::schema::Annotation>::Reader annotations);

/// The C++ name that Cap'n Proto's own plugin gives: `$Cxx.name`, or `name`.
std::string cxx_name(std::string_view name,
                     capnp::List<capnp::schema::Annotation>::Reader annotations);

/// The name of a member or enumerator: `$Cairn.name`, or `name` in snake case and unreserved.
std::string member_name(std::string_view name,
                        capnp::List<capnp::schema::Annotation>::Reader annotations);

} // namespace cairn::schema_compiler
