#include "schema_compiler/schema_set.hpp"

#include "schema_compiler/naming.hpp"

#include <sstream>

namespace cairn::schema_compiler {

namespace {

using annotation_list = capnp::List<capnp::schema::Annotation>::Reader;

// The ids that /capnp/c++.capnp and /cairn/cairn.capnp declare.
constexpr std::uint64_t cxx_namespace_id = 0xb9c6f99ebf805f2c;
constexpr std::uint64_t cxx_name_id = 0xf264a779fef191ce;
constexpr std::uint64_t cairn_name_id = 0x9d2f6b83c05a41e7;

std::string text_of(annotation_list annotations, std::uint64_t id) {
  for (const auto annotation : annotations)
    if (annotation.getId() == id && annotation.getValue().isText())
      return annotation.getValue().getText().cStr();
  return {};
}

std::string own_name(capnp::schema::Node::Reader node) {
  return node.getDisplayName().cStr() + node.getDisplayNamePrefixLength();
}

std::vector<std::string> lines_of(capnp::Text::Reader text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text.begin(), text.size())};
  for (std::string line; std::getline(in, line);) {
    // A backslash at its end would make the next line of the generated file part of the comment.
    line.erase(line.find_last_not_of("\\ \t\r") + 1);
    lines.push_back(line);
  }
  return lines;
}

} // namespace

schema_set::schema_set(capnp::schema::CodeGeneratorRequest::Reader request) {
  for (const auto node : request.getNodes()) {
    nodes_.emplace(node.getId(), node);
    loader_.load(node);
  }
  for (const auto info : request.getSourceInfo())
    source_info_.emplace(info.getId(), info);
}

std::uint64_t schema_set::file_of(std::uint64_t type) const {
  std::uint64_t id = type;
  while (contains(id) && node(id).getScopeId() != 0)
    id = node(id).getScopeId();
  return id;
}

bool schema_set::is_within_structs(std::uint64_t type) const {
  std::uint64_t id = node(type).getScopeId();
  while (contains(id) && node(id).isStruct())
    id = node(id).getScopeId();
  return contains(id) && node(id).isFile();
}

std::string schema_set::cxx_namespace(std::uint64_t file) const {
  std::string name = text_of(node(file).getAnnotations(), cxx_namespace_id);
  name.erase(0, name.find_first_not_of(':'));
  return name;
}

std::string schema_set::value_name(std::uint64_t type) const {
  const auto declaration = node(type);
  if (auto chosen = chosen_name(declaration.getAnnotations()); !chosen.empty())
    return chosen;
  std::string name = snake_case(cxx_name(own_name(declaration), declaration.getAnnotations()));
  const std::uint64_t scope = declaration.getScopeId();
  if (contains(scope) && node(scope).isStruct()) {
    std::string outer = value_name(scope);
    if (outer.back() == '_')
      outer.pop_back();
    name = outer + "_" + name;
  }
  return unreserved(name);
}

std::string schema_set::qualified_value_name(std::uint64_t type) const {
  const std::string scope = cxx_namespace(file_of(type));
  return (scope.empty() ? "::" : "::" + scope + "::") + value_name(type);
}

std::string schema_set::wire_name(std::uint64_t type) const {
  const auto declaration = node(type);
  if (declaration.isFile()) {
    const std::string scope = cxx_namespace(type);
    return scope.empty() ? "" : "::" + scope;
  }
  return wire_name(declaration.getScopeId())
         + "::" + cxx_name(own_name(declaration), declaration.getAnnotations());
}

std::string schema_set::schema_name(std::uint64_t type) const {
  const auto declaration = node(type);
  const std::uint64_t scope = declaration.getScopeId();
  if (!contains(scope) || node(scope).isFile())
    return own_name(declaration);
  return schema_name(scope) + "." + own_name(declaration);
}

std::vector<std::string> schema_set::doc(std::uint64_t type) const {
  const auto found = source_info_.find(type);
  return found == source_info_.end() ? std::vector<std::string>{}
                                     : lines_of(found->second.getDocComment());
}

std::vector<std::string> schema_set::member_doc(std::uint64_t type, unsigned index) const {
  const auto found = source_info_.find(type);
  if (found == source_info_.end() || index >= found->second.getMembers().size())
    return {};
  return lines_of(found->second.getMembers()[index].getDocComment());
}

std::string chosen_name(annotation_list annotations) {
  return text_of(annotations, cairn_name_id);
}

std::string cxx_name(std::string_view name, annotation_list annotations) {
  const std::string other = text_of(annotations, cxx_name_id);
  return other.empty() ? std::string(name) : other;
}

std::string member_name(std::string_view name, annotation_list annotations) {
  const std::string chosen = chosen_name(annotations);
  return chosen.empty() ? unreserved(snake_case(cxx_name(name, annotations))) : chosen;
}

} // namespace cairn::schema_compiler
