#include "schema_compiler/literal.hpp"

#include "schema_compiler/schema_set.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace cairn::schema_compiler {

namespace {

using capnp::schema::Type;

template <class T>
std::string shortest(T value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

/// C++ has no negative literals: the smallest integer would be minus one that is too large.
std::string integer_literal(std::int64_t value) {
  if (value == std::numeric_limits<std::int64_t>::min())
    return "std::numeric_limits<std::int64_t>::min()";
  return shortest(value);
}

std::string integer_literal(std::uint64_t value) {
  return shortest(value) + (value > std::numeric_limits<std::int64_t>::max() ? "u" : "");
}

template <class T>
std::string float_literal(T value, const char* type, const char* suffix) {
  const std::string limits = std::string("std::numeric_limits<") + type + ">::";
  if (std::isnan(value))
    return limits + "quiet_NaN()";
  if (std::isinf(value))
    return (value < 0 ? "-" : "") + limits + "infinity()";
  std::string digits = shortest(value);
  if (digits.find_first_of(".e") == std::string::npos)
    digits += ".0";
  return digits + suffix;
}

std::string text_literal(capnp::Text::Reader text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '?') { // "??" would begin a trigraph.
      quoted += '\\';
      quoted += c;
    } else if (c >= 0x20 && c < 0x7f) {
      quoted += c;
    } else { // Octal escapes end after three digits; hexadecimal ones would swallow what follows.
      const auto code = static_cast<unsigned char>(c);
      quoted += '\\';
      quoted += static_cast<char>('0' + (code >> 6));
      quoted += static_cast<char>('0' + ((code >> 3) & 7));
      quoted += static_cast<char>('0' + (code & 7));
    }
  }
  quoted += '"';
  if (std::find(text.begin(), text.end(), '\0') == text.end())
    return quoted;
  return "std::string(" + quoted + ", " + std::to_string(text.size()) + ")";
}

std::string data_literal(capnp::Data::Reader data) {
  std::string list;
  for (const kj::byte b : data)
    list += (list.empty() ? "std::byte{" : ", std::byte{") + std::to_string(b) + "}";
  return "std::vector<std::byte>{" + list + "}";
}

std::string enum_literal(const schema_set& schemas, std::uint64_t id, unsigned number) {
  const std::string type = schemas.qualified_value_name(id);
  const auto enumerants = schemas.node(id).getEnum().getEnumerants();
  if (number >= enumerants.size())
    return type + "{" + std::to_string(number) + "}";
  const auto enumerant = enumerants[number];
  return type + "::" + member_name(enumerant.getName().cStr(), enumerant.getAnnotations());
}

std::string literal(const schema_set& schemas, Type::Reader type,
                    capnp::DynamicValue::Reader value);

std::string struct_literal(const schema_set& schemas, std::uint64_t id,
                           capnp::DynamicStruct::Reader value) {
  std::string members;
  for (const auto field : schemas.node(id).getStruct().getFields()) {
    const std::string name = field.getName().cStr();
    members += (members.empty() ? "." : ", .") + member_name(name, field.getAnnotations()) + " = "
               + literal(schemas, field.getSlot().getType(), value.get(name));
  }
  return schemas.qualified_value_name(id) + "{" + members + "}";
}

std::string list_literal(const schema_set& schemas, Type::Reader type,
                         capnp::DynamicList::Reader values) {
  std::string elements;
  for (const auto value : values)
    elements +=
        (elements.empty() ? "" : ", ") + literal(schemas, type.getList().getElementType(), value);
  return value_type_name(schemas, type) + "{" + elements + "}";
}

std::string literal(const schema_set& schemas, Type::Reader type,
                    capnp::DynamicValue::Reader value) {
  switch (type.which()) {
    case Type::BOOL: return value.as<bool>() ? "true" : "false";
    case Type::INT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64: return integer_literal(value.as<std::int64_t>());
    case Type::UINT8:
    case Type::UINT16:
    case Type::UINT32:
    case Type::UINT64: return integer_literal(value.as<std::uint64_t>());
    case Type::FLOAT32: return float_literal(value.as<float>(), "float", "f");
    case Type::FLOAT64: return float_literal(value.as<double>(), "double", "");
    case Type::TEXT: return text_literal(value.as<capnp::Text>());
    case Type::DATA: return data_literal(value.as<capnp::Data>());
    case Type::ENUM:
      return enum_literal(schemas, type.getEnum().getTypeId(),
                          value.as<capnp::DynamicEnum>().getRaw());
    case Type::STRUCT:
      return struct_literal(schemas, type.getStruct().getTypeId(),
                            value.as<capnp::DynamicStruct>());
    case Type::LIST: return list_literal(schemas, type, value.as<capnp::DynamicList>());
    default: return "std::monostate{}";
  }
}

/// Scalars are written out even where they are zero, as one does by hand.
bool is_pointer(Type::Reader type) {
  return type.isText() || type.isData() || type.isStruct() || type.isList();
}

} // namespace

std::string value_type_name(const schema_set& schemas, Type::Reader type) {
  switch (type.which()) {
    case Type::VOID: return "std::monostate";
    case Type::BOOL: return "bool";
    case Type::INT8: return "std::int8_t";
    case Type::INT16: return "std::int16_t";
    case Type::INT32: return "std::int32_t";
    case Type::INT64: return "std::int64_t";
    case Type::UINT8: return "std::uint8_t";
    case Type::UINT16: return "std::uint16_t";
    case Type::UINT32: return "std::uint32_t";
    case Type::UINT64: return "std::uint64_t";
    case Type::FLOAT32: return "float";
    case Type::FLOAT64: return "double";
    case Type::TEXT: return "std::string";
    case Type::DATA: return "std::vector<std::byte>";
    case Type::LIST:
      return "std::vector<" + value_type_name(schemas, type.getList().getElementType()) + ">";
    case Type::ENUM: return schemas.qualified_value_name(type.getEnum().getTypeId());
    case Type::STRUCT: return schemas.qualified_value_name(type.getStruct().getTypeId());
    default: return {};
  }
}

std::string default_literal(const schema_set& schemas, std::uint64_t struct_id,
                            capnp::schema::Field::Reader field) {
  const auto slot = field.getSlot();
  if (slot.getType().isVoid() || (is_pointer(slot.getType()) && !slot.getHadExplicitDefault()))
    return {};
  capnp::MallocMessageBuilder empty;
  const auto defaults =
      empty.initRoot<capnp::DynamicStruct>(schemas.struct_schema(struct_id)).asReader();
  return literal(schemas, slot.getType(), defaults.get(field.getName()));
}

} // namespace cairn::schema_compiler
