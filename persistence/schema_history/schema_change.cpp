#include "schema_history/schema_change.hpp"

#include <capnp/schema-loader.h>

#include <array>
#include <cstdio>
#include <string_view>

namespace cairn::detail {
namespace {

namespace schema = capnp::schema;

using verdict = std::optional<std::string>;

std::string_view view(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

std::string hex(std::uint64_t id) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "0x%016llx", static_cast<unsigned long long>(id));
  return text.data();
}

std::string name_of(std::uint64_t id, const schema_change& change) {
  for (const auto* nodes : {&change.after, &change.before})
    if (const auto found = nodes->find(id); found != nodes->end())
      return found->second.name();
  return "a type";
}

std::string text_of(schema::Type::Reader type, const schema_change& change) {
  const auto named = [&](std::uint64_t id) { return name_of(id, change) + " (" + hex(id) + ")"; };
  switch (type.which()) {
    case schema::Type::VOID: return "Void";
    case schema::Type::BOOL: return "Bool";
    case schema::Type::INT8: return "Int8";
    case schema::Type::INT16: return "Int16";
    case schema::Type::INT32: return "Int32";
    case schema::Type::INT64: return "Int64";
    case schema::Type::UINT8: return "UInt8";
    case schema::Type::UINT16: return "UInt16";
    case schema::Type::UINT32: return "UInt32";
    case schema::Type::UINT64: return "UInt64";
    case schema::Type::FLOAT32: return "Float32";
    case schema::Type::FLOAT64: return "Float64";
    case schema::Type::TEXT: return "Text";
    case schema::Type::DATA: return "Data";
    case schema::Type::LIST:
      return "List(" + text_of(type.getList().getElementType(), change) + ")";
    case schema::Type::ENUM: return named(type.getEnum().getTypeId());
    case schema::Type::STRUCT: return named(type.getStruct().getTypeId());
    case schema::Type::INTERFACE: return named(type.getInterface().getTypeId());
    case schema::Type::ANY_POINTER: return "AnyPointer";
  }
  return "an unknown type";
}

std::string text_of(schema::Value::Reader value) {
  switch (value.which()) {
    case schema::Value::BOOL: return value.getBool() ? "true" : "false";
    case schema::Value::INT8: return std::to_string(value.getInt8());
    case schema::Value::INT16: return std::to_string(value.getInt16());
    case schema::Value::INT32: return std::to_string(value.getInt32());
    case schema::Value::INT64: return std::to_string(value.getInt64());
    case schema::Value::UINT8: return std::to_string(value.getUint8());
    case schema::Value::UINT16: return std::to_string(value.getUint16());
    case schema::Value::UINT32: return std::to_string(value.getUint32());
    case schema::Value::UINT64: return std::to_string(value.getUint64());
    case schema::Value::FLOAT32: return std::to_string(value.getFloat32());
    case schema::Value::FLOAT64: return std::to_string(value.getFloat64());
    case schema::Value::TEXT: return '"' + std::string{view(value.getText())} + '"';
    case schema::Value::ENUM: return "enumerant @" + std::to_string(value.getEnum());
    default: return "another value of its type";
  }
}

bool same_type(schema::Type::Reader a, schema::Type::Reader b) {
  if (a.which() != b.which())
    return false;
  switch (a.which()) {
    case schema::Type::LIST:
      return same_type(a.getList().getElementType(), b.getList().getElementType());
    case schema::Type::ENUM: return a.getEnum().getTypeId() == b.getEnum().getTypeId();
    case schema::Type::STRUCT: return a.getStruct().getTypeId() == b.getStruct().getTypeId();
    case schema::Type::INTERFACE:
      return a.getInterface().getTypeId() == b.getInterface().getTypeId();
    default: return true;
  }
}

/// A list of numbers may become a list of structs that begin with such a number.
bool is_upgrade(schema::Type::Reader before, schema::Type::Reader after,
                const schema_change& change) {
  if (!before.isList() || !after.isList() || !after.getList().getElementType().isStruct())
    return false;
  const auto element = before.getList().getElementType();
  const auto found = change.after.find(after.getList().getElementType().getStruct().getTypeId());
  if (element.isBool() || element.isStruct() || found == change.after.end())
    return false;
  const auto fields = found->second.reader().getStruct().getFields();
  return fields.size() > 0 && fields[0].isSlot() && fields[0].getSlot().getOffset() == 0
         && same_type(element, fields[0].getSlot().getType());
}

bool same_value(schema::Value::Reader a, schema::Value::Reader b) {
  const auto one = capnp::canonicalize(a), other = capnp::canonicalize(b);
  return one.asBytes() == other.asBytes();
}

/// A name that is kept keeps its number. `list` is of fields or enumerants, in the order of their
/// numbers.
template <class List>
verdict moved(std::string_view kind, const List& before, const List& after, unsigned index) {
  const auto name = view(before[index].getName());
  const bool kept = index < after.size() && view(after[index].getName()) == name;
  if (kept)
    return std::nullopt;
  const std::string what = std::string{kind} + ' ' + std::string{name};
  const bool obsolete =
      index < after.size() && view(after[index].getName()).substr(0, 8) == "obsolete";
  for (unsigned other = 0; other < after.size() && !obsolete; ++other) {
    if (view(after[other].getName()) == name)
      return what + " was @" + std::to_string(index) + " and is @" + std::to_string(other);
  }
  if (index >= after.size())
    return what + " (@" + std::to_string(index) + ") was there and has vanished";
  return std::nullopt; // renamed
}

verdict compare_slots(const std::string& what, schema::Field::Slot::Reader before,
                      schema::Field::Slot::Reader after, const schema_change& change) {
  if (!same_type(before.getType(), after.getType())
      && !is_upgrade(before.getType(), after.getType(), change))
    return what + " was " + text_of(before.getType(), change) + " and is "
           + text_of(after.getType(), change);
  if (before.getOffset() != after.getOffset())
    return what + " was at offset " + std::to_string(before.getOffset()) + " and is at "
           + std::to_string(after.getOffset());
  if (!same_value(before.getDefaultValue(), after.getDefaultValue()))
    return what + " had the default " + text_of(before.getDefaultValue()) + " and has "
           + text_of(after.getDefaultValue());
  return std::nullopt;
}

verdict compare_fields(unsigned index, schema::Field::Reader before, schema::Field::Reader after,
                       const schema_change& change) {
  const std::string what =
      "field " + std::string{view(after.getName())} + " (@" + std::to_string(index) + ")";
  if (before.isGroup() != after.isGroup())
    return what + (before.isGroup() ? " was a group and is none" : " was no group and is one");
  constexpr auto none = schema::Field::NO_DISCRIMINANT;
  const auto was = before.getDiscriminantValue(), is = after.getDiscriminantValue();
  if (was != is && !(was == none && is == 0)) // a field may become the first member of a union
    return what + " has another place in its union than before";
  if (before.isGroup()) {
    if (before.getGroup().getTypeId() != after.getGroup().getTypeId())
      return what + " is another group than before";
    return std::nullopt;
  }
  return compare_slots(what, before.getSlot(), after.getSlot(), change);
}

verdict compare_structs(schema::Node::Struct::Reader before, schema::Node::Struct::Reader after,
                        const schema_change& change) {
  const auto old_fields = before.getFields(), new_fields = after.getFields();
  for (unsigned i = 0; i < old_fields.size(); ++i)
    if (auto difference = moved("field", old_fields, new_fields, i))
      return difference;
  for (unsigned i = 0; i < old_fields.size(); ++i)
    if (auto difference = compare_fields(i, old_fields[i], new_fields[i], change))
      return difference;
  const auto shrunk = [](std::string_view what, unsigned was, unsigned is) -> verdict {
    if (is >= was)
      return std::nullopt;
    return "it had " + std::to_string(was) + ' ' + std::string{what} + " and has "
           + std::to_string(is);
  };
  if (auto less = shrunk("words of data", before.getDataWordCount(), after.getDataWordCount()))
    return less;
  if (auto less = shrunk("pointers", before.getPointerCount(), after.getPointerCount()))
    return less;
  return shrunk("members in its union", before.getDiscriminantCount(),
                after.getDiscriminantCount());
}

verdict compare_enums(schema::Node::Enum::Reader before, schema::Node::Enum::Reader after) {
  for (unsigned i = 0; i < before.getEnumerants().size(); ++i)
    if (auto difference = moved("enumerant", before.getEnumerants(), after.getEnumerants(), i))
      return difference;
  return std::nullopt;
}

/// Cap'n Proto's own judgement. It knows the layout better, but names no field.
verdict compare_by_loader(schema::Node::Reader before, schema::Node::Reader after) {
  try {
    capnp::SchemaLoader loader;
    loader.load(before);
    loader.load(after);
    return std::nullopt;
  } catch (const kj::Exception& refusal) {
    return std::string{refusal.getDescription().cStr()};
  }
}

} // namespace

std::optional<std::string> incompatibility(const schema_node& before, const schema_node& after,
                                           const schema_change& change) {
  const auto old_node = before.reader(), new_node = after.reader();
  if (old_node.which() != new_node.which())
    return std::string{old_node.isStruct() ? "it was a struct and is none"
                                           : "it was no struct and is one"};
  verdict difference;
  if (old_node.isStruct())
    difference = compare_structs(old_node.getStruct(), new_node.getStruct(), change);
  else if (old_node.isEnum())
    difference = compare_enums(old_node.getEnum(), new_node.getEnum());
  return difference ? difference : compare_by_loader(old_node, new_node);
}

} // namespace cairn::detail
