#pragma once

#include <capnp/schema.capnp.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::schema_compiler {

class schema_set;

/// How a field is written; reading, measuring and printing go by its C++ type alone.
enum class field_kind { nothing, scalar, enumeration, text, data, structure, list };

struct type_model {
  field_kind kind = field_kind::nothing;
  std::string value_type;             ///< "std::vector<::shop::item>"
  std::string wire_type;              ///< "::shop::Colour"; enumerations only.
  std::vector<std::uint64_t> files;   ///< Those that declare the types in it.
  std::vector<std::uint64_t> structs; ///< The one that the field holds, or holds a list of.
};

struct field_model {
  std::string name;        ///< "unit_price_cents"
  std::string schema_name; ///< "unitPriceCents"
  std::string accessor;    ///< "UnitPriceCents"
  type_model type;
  std::string default_value; ///< A C++ expression; empty: what `{}` gives.
  bool has_explicit_default = false;
  bool of_incomplete = false; ///< A list of a struct that is declared later.
  std::vector<std::string> doc;
};

struct struct_model {
  std::uint64_t id = 0;
  std::string name;        ///< "order_line"
  std::string value_type;  ///< "::shop::order_line"
  std::string wire_type;   ///< "::shop::Order::Line"
  std::string schema_name; ///< "Order.Line"
  std::vector<field_model> fields;
  bool nests_without_end = false; ///< Itself, or a struct in it, may hold its like, in lists.
  std::vector<std::string> doc;
};

struct enumerator_model {
  std::string name;
  unsigned number = 0;
  std::vector<std::string> doc;
};

struct enum_model {
  std::string name;
  std::string value_type;
  std::string schema_name;
  std::vector<enumerator_model> enumerators;
  std::vector<std::string> doc;
};

/// What the two files generated for one schema file say.
struct file_model {
  std::string path;                  ///< "shop/cart.capnp", as `capnp compile` calls it.
  std::string cxx_namespace;         ///< "shop"
  std::vector<std::string> includes; ///< "\"item.cairn.hpp\"" or "<shop/item.cairn.hpp>"
  std::vector<enum_model> enums;
  std::vector<struct_model> structs; ///< Each after those that it needs complete.
};

/// Models one requested file. What cannot be is added to `problems`, a line each, which name file,
/// struct and field; the model is then not to be used.
file_model make_file_model(const schema_set& schemas,
                           capnp::schema::CodeGeneratorRequest::RequestedFile::Reader file,
                           std::vector<std::string>& problems);

/// "shop/cart.capnp" -> "shop/cart.cairn".
std::string output_stem(std::string path);

} // namespace cairn::schema_compiler
