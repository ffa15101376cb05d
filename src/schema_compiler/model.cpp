#include "schema_compiler/model.hpp"

#include "schema_compiler/literal.hpp"
#include "schema_compiler/naming.hpp"
#include "schema_compiler/schema_set.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace cairn::schema_compiler {

namespace {

using capnp::schema::Field;
using capnp::schema::Node;
using capnp::schema::Type;
using requested_file = capnp::schema::CodeGeneratorRequest::RequestedFile::Reader;

/// Builds the model of one file in four steps, each of which needs the one before: check the
/// fields, order the structs, check the names, write out the defaults.
class model_builder {
public:
  model_builder(const schema_set& schemas, requested_file file, std::vector<std::string>& problems)
    : schemas_(schemas), file_(file), problems_(problems), problems_before_(problems.size()) {}

  file_model build() {
    model_.path = file_.getFilename().cStr();
    model_.cxx_namespace = schemas_.cxx_namespace(file_.getId());
    add_declarations(schemas_.node(file_.getId()));
    refuse_colliding_types();
    refuse_endless_structs();
    if (problems_.size() == problems_before_) {
      mark_endless_nesting();
      add_defaults();
      order_structs();
      add_includes();
    }
    return std::move(model_);
  }

private:
  void refuse(const std::string& where, const std::string& why) {
    problems_.push_back(model_.path + ": " + where + ": " + why);
  }

  void add_declarations(Node::Reader scope) {
    for (const auto nested : scope.getNestedNodes()) {
      if (!schemas_.contains(nested.getId()))
        continue;
      const auto declaration = schemas_.node(nested.getId());
      if (declaration.isEnum())
        add_enum(declaration);
      if (!declaration.isStruct())
        continue;
      add_struct(declaration);
      add_declarations(declaration);
    }
  }

  void add_enum(Node::Reader declaration) {
    enum_model result;
    result.name = schemas_.value_name(declaration.getId());
    result.value_type = schemas_.qualified_value_name(declaration.getId());
    result.schema_name = schemas_.schema_name(declaration.getId());
    result.doc = schemas_.doc(declaration.getId());
    check_name(result.schema_name, result.name);
    std::map<std::string, std::string> seen;
    unsigned number = 0;
    for (const auto enumerant : declaration.getEnum().getEnumerants()) {
      const std::string schema_name = enumerant.getName().cStr();
      auto name = member_name(schema_name, enumerant.getAnnotations());
      check_member(result.schema_name, schema_name, name, seen);
      result.enumerators.push_back(
          {std::move(name), number, schemas_.member_doc(declaration.getId(), number)});
      ++number;
    }
    model_.enums.push_back(std::move(result));
  }

  void add_struct(Node::Reader declaration) {
    struct_model result;
    result.id = declaration.getId();
    result.name = schemas_.value_name(result.id);
    result.value_type = schemas_.qualified_value_name(result.id);
    result.wire_type = schemas_.wire_name(result.id);
    result.schema_name = schemas_.schema_name(result.id);
    result.doc = schemas_.doc(result.id);
    check_name(result.schema_name, result.name);
    std::map<std::string, std::string> seen;
    unsigned index = 0;
    for (const auto field : declaration.getStruct().getFields()) {
      if (auto model = make_field(result.schema_name, field)) {
        check_member(result.schema_name, model->schema_name, model->name, seen);
        model->doc = schemas_.member_doc(result.id, index);
        result.fields.push_back(std::move(*model));
      }
      ++index;
    }
    if (declaration.getIsGeneric() && result.fields.size() == index)
      refuse(result.schema_name, "is generic; declare a struct for each type it is used with");
    model_.structs.push_back(std::move(result));
  }

  std::optional<field_model> make_field(const std::string& owner, Field::Reader field) {
    field_model result;
    result.schema_name = field.getName().cStr();
    result.name = member_name(result.schema_name, field.getAnnotations());
    result.accessor = title_case(cxx_name(result.schema_name, field.getAnnotations()));
    const std::string where = owner + "." + result.schema_name;
    if (auto why = why_no_member(field); !why.empty()) {
      refuse(where, why);
      return std::nullopt;
    }
    if (auto why = why_no_value(field.getSlot().getType()); !why.empty()) {
      refuse(where, why);
      return std::nullopt;
    }
    describe(field.getSlot().getType(), result.type, true);
    result.has_explicit_default = field.getSlot().getHadExplicitDefault();
    result.type.value_type = value_type_name(schemas_, field.getSlot().getType());
    return result;
  }

  std::string why_no_member(Field::Reader field) const {
    if (field.getDiscriminantValue() != Field::NO_DISCRIMINANT)
      return "is a member of a union, which has no value struct";
    if (!field.isGroup())
      return {};
    const auto group = schemas_.node(field.getGroup().getTypeId()).getStruct();
    return group.getDiscriminantCount() > 0
               ? "is a union, which has no value struct"
               : "is a group, which has no value struct; declare a struct and a field of it";
  }

  /// Empty if the type has a C++ type of its own.
  std::string why_no_value(Type::Reader type) const {
    switch (type.which()) {
      case Type::INTERFACE: return "is a capability (an interface), which cannot be stored";
      case Type::ANY_POINTER:
        return type.getAnyPointer().isParameter()
                   ? "has the type of a generic's parameter, which has no value struct"
                   : "is an AnyPointer (or AnyStruct, AnyList, Capability), which has no value "
                     "type";
      case Type::LIST: return why_no_value(type.getList().getElementType());
      case Type::ENUM: return why_unreachable(type.getEnum().getTypeId());
      case Type::STRUCT: {
        const auto id = type.getStruct().getTypeId();
        if (schemas_.node(id).getIsGeneric())
          return "is of the generic " + schemas_.schema_name(id)
                 + "; declare a struct for each type it is used with";
        return why_unreachable(id);
      }
      default: return {};
    }
  }

  std::string why_unreachable(std::uint64_t type) const {
    return schemas_.is_within_structs(type)
               ? ""
               : "is of " + schemas_.schema_name(type)
                     + ", which an interface declares; declare it in the file or in a struct";
  }

  void describe(Type::Reader type, type_model& result, bool outermost) const {
    const auto set_kind = [&](field_kind kind) {
      if (outermost)
        result.kind = kind;
    };
    switch (type.which()) {
      case Type::VOID: set_kind(field_kind::nothing); break;
      case Type::TEXT: set_kind(field_kind::text); break;
      case Type::DATA: set_kind(field_kind::data); break;
      case Type::LIST:
        set_kind(field_kind::list);
        describe(type.getList().getElementType(), result, false);
        break;
      case Type::ENUM:
        set_kind(field_kind::enumeration);
        result.wire_type = schemas_.wire_name(type.getEnum().getTypeId());
        result.files.push_back(schemas_.file_of(type.getEnum().getTypeId()));
        break;
      case Type::STRUCT:
        set_kind(field_kind::structure);
        result.structs.push_back(type.getStruct().getTypeId());
        result.files.push_back(schemas_.file_of(type.getStruct().getTypeId()));
        break;
      default: set_kind(field_kind::scalar); break;
    }
  }

  void check_name(const std::string& where, const std::string& name) {
    if (!is_usable_identifier(name))
      refuse(where, "\"" + name + "\" is no name that a C++ program may give");
  }

  /// Names `where` and the first bearer of the name.
  void check_member(const std::string& owner, const std::string& schema_name,
                    const std::string& name, std::map<std::string, std::string>& seen) {
    const std::string where = owner + "." + schema_name;
    check_name(where, name);
    const auto [first, is_new] = seen.emplace(name, schema_name);
    if (!is_new)
      refuse(where, "would be called " + name + " like " + owner + "." + first->second
                        + "; tell them apart with $Cairn.name");
  }

  void refuse_colliding_types() {
    std::map<std::string, std::string> seen;
    const auto check = [&](const auto& type) {
      const auto [first, is_new] = seen.emplace(type.name, type.schema_name);
      if (!is_new)
        refuse(type.schema_name, "would be called " + type.name + " like " + first->second
                                     + "; tell them apart with $Cairn.name");
    };
    // Cap'n Proto's own classes stand in the same namespace.
    for (const auto nested : schemas_.node(file_.getId()).getNestedNodes())
      seen.emplace(nested.getName().cStr(), std::string(nested.getName().cStr()));
    std::for_each(model_.enums.begin(), model_.enums.end(), check);
    std::for_each(model_.structs.begin(), model_.structs.end(), check);
  }

  /// Whether a value of `from` holds one of `target`: in a field, or, `through_lists`, in a list.
  /// Goes by the nodes, since the way may lead through other files.
  bool holds(std::uint64_t from, std::uint64_t target, bool through_lists,
             std::set<std::uint64_t>& visited) const {
    if (from == target)
      return true;
    if (!visited.insert(from).second)
      return false;
    for (const auto field : schemas_.node(from).getStruct().getFields()) {
      if (!field.isSlot())
        continue;
      auto type = field.getSlot().getType();
      while (through_lists && type.isList())
        type = type.getList().getElementType();
      if (type.isStruct() && holds(type.getStruct().getTypeId(), target, through_lists, visited))
        return true;
    }
    return false;
  }

  void refuse_endless_structs() {
    for (const auto& owner : model_.structs)
      for (const auto& field : owner.fields)
        for (const auto inner : field.type.structs) {
          const std::string where = owner.schema_name + "." + field.schema_name;
          const bool is_list = field.type.kind == field_kind::list;
          if (std::set<std::uint64_t> visited; !is_list && holds(inner, owner.id, false, visited))
            refuse(where, "makes " + owner.schema_name
                              + " contain itself, which a value cannot; use a list");
          else if (std::set<std::uint64_t> seen;
                   field.has_explicit_default && holds(inner, owner.id, true, seen))
            refuse(where, "has a default that holds " + owner.schema_name
                              + " again, with that default, without end; leave it out");
        }
  }

  /// Whether a struct that a value of `id` may hold, at any depth, may hold its like.
  bool nests_without_end(std::uint64_t id, std::vector<std::uint64_t>& above,
                         std::set<std::uint64_t>& finite) const {
    if (std::find(above.begin(), above.end(), id) != above.end())
      return true;
    if (finite.contains(id))
      return false;
    above.push_back(id);
    for (const auto field : schemas_.node(id).getStruct().getFields()) {
      if (!field.isSlot())
        continue;
      auto type = field.getSlot().getType();
      while (type.isList())
        type = type.getList().getElementType();
      if (type.isStruct() && nests_without_end(type.getStruct().getTypeId(), above, finite))
        return true;
    }
    above.pop_back();
    finite.insert(id);
    return false;
  }

  void mark_endless_nesting() {
    std::set<std::uint64_t> finite;
    for (auto& owner : model_.structs) {
      std::vector<std::uint64_t> above;
      owner.nests_without_end = nests_without_end(owner.id, above, finite);
    }
  }

  void add_defaults() {
    for (auto& owner : model_.structs) {
      std::map<std::string, Field::Reader> by_name;
      for (const auto field : schemas_.node(owner.id).getStruct().getFields())
        by_name.emplace(field.getName().cStr(), field);
      for (auto& field : owner.fields)
        field.default_value = default_literal(schemas_, owner.id, by_name.at(field.schema_name));
    }
  }

  /// Puts each struct after those it holds, and, unless they hold each other, after those it holds
  /// lists of: `std::vector` is content with an incomplete type, a default for it is not.
  void order_structs() {
    std::vector<struct_model> waiting = std::exchange(model_.structs, {});
    std::set<std::uint64_t> missing;
    for (const auto& type : waiting)
      missing.insert(type.id);
    const auto needs = [&](const struct_model& type, const field_model& field) {
      return std::any_of(field.type.structs.begin(), field.type.structs.end(),
                         [&](auto id) { return id != type.id && missing.contains(id); });
    };
    const auto is_ready = [&](const struct_model& type, bool with_lists) {
      return std::none_of(type.fields.begin(), type.fields.end(), [&](const field_model& field) {
        const bool matters =
            with_lists || field.type.kind != field_kind::list || field.has_explicit_default;
        return matters && needs(type, field);
      });
    };
    const auto first_ready = [&](bool with_lists) {
      return std::find_if(waiting.begin(), waiting.end(),
                          [&](const auto& type) { return is_ready(type, with_lists); });
    };
    while (!waiting.empty()) {
      auto next = first_ready(true);
      if (next == waiting.end())
        next = first_ready(false); // There is one: what holds itself so was refused.
      for (auto& field : next->fields)
        field.of_incomplete = needs(*next, field);
      missing.erase(next->id);
      model_.structs.push_back(std::move(*next));
      waiting.erase(next);
    }
  }

  /// One include for each other file whose types stand in this file's structs, by the way the
  /// schema imports it or, if it does so by a detour, by the name `capnp compile` gave it.
  void add_includes() {
    std::set<std::uint64_t> used;
    for (const auto& type : model_.structs)
      for (const auto& field : type.fields)
        used.insert(field.type.files.begin(), field.type.files.end());
    used.erase(file_.getId());
    for (const auto import : file_.getImports()) {
      if (used.erase(import.getId()) == 0)
        continue;
      const std::string name = output_stem(import.getName().cStr()) + ".hpp";
      model_.includes.push_back(name.starts_with('/') ? "<" + name.substr(1) + ">"
                                                      : "\"" + name + "\"");
    }
    for (const auto file : used)
      model_.includes.push_back("<" + output_stem(schemas_.node(file).getDisplayName().cStr())
                                + ".hpp>");
    std::sort(model_.includes.begin(), model_.includes.end()); // Quotes come before brackets.
  }

  const schema_set& schemas_;
  requested_file file_;
  std::vector<std::string>& problems_;
  std::size_t problems_before_;
  file_model model_;
};

} // namespace

file_model make_file_model(const schema_set& schemas, requested_file file,
                           std::vector<std::string>& problems) {
  return model_builder(schemas, file, problems).build();
}

std::string output_stem(std::string path) {
  constexpr std::string_view extension = ".capnp";
  if (path.ends_with(extension))
    path.erase(path.size() - extension.size());
  return path + ".cairn";
}

} // namespace cairn::schema_compiler
