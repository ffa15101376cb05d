#include "schema_compiler/naming.hpp"

#include <algorithm>
#include <iterator>

namespace cairn::schema_compiler {

namespace {

// [lex.key] and [lex.digraph] of C++20.
constexpr std::string_view keywords[] = {
    "alignas",       "alignof",     "and",
    "and_eq",        "asm",         "auto",
    "bitand",        "bitor",       "bool",
    "break",         "case",        "catch",
    "char",          "char16_t",    "char32_t",
    "char8_t",       "class",       "co_await",
    "co_return",     "co_yield",    "compl",
    "concept",       "const",       "const_cast",
    "consteval",     "constexpr",   "constinit",
    "continue",      "decltype",    "default",
    "delete",        "do",          "double",
    "dynamic_cast",  "else",        "enum",
    "explicit",      "export",      "extern",
    "false",         "float",       "for",
    "friend",        "goto",        "if",
    "inline",        "int",         "long",
    "mutable",       "namespace",   "new",
    "noexcept",      "not",         "not_eq",
    "nullptr",       "operator",    "or",
    "or_eq",         "private",     "protected",
    "public",        "register",    "reinterpret_cast",
    "requires",      "return",      "short",
    "signed",        "sizeof",      "static",
    "static_assert", "static_cast", "struct",
    "switch",        "template",    "this",
    "thread_local",  "throw",       "true",
    "try",           "typedef",     "typeid",
    "typename",      "union",       "unsigned",
    "using",         "virtual",     "void",
    "volatile",      "wchar_t",     "while",
    "xor",           "xor_eq",
};

// Namespaces and a function that generated code uses by name, and macros that GCC and glibc define
// in spite of their small letters.
constexpr std::string_view taken[] = {
    "assert", "cairn", "capnp",  "errno", "kj",     "linux",     "major", "makedev",
    "minor",  "std",   "stderr", "stdin", "stdout", "to_string", "unix",
};

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

template <std::size_t Size>
bool contains(const std::string_view (&names)[Size], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

} // namespace

std::string snake_case(std::string_view name) {
  std::string result;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (is_upper(c) && i > 0) {
      const bool after_word = is_lower(name[i - 1]) || is_digit(name[i - 1]);
      const bool begins_word = i + 1 < name.size() && is_lower(name[i + 1]);
      if (name[i - 1] != '_' && (after_word || begins_word))
        result += '_';
    }
    result += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

std::string unreserved(std::string name) {
  if (contains(keywords, name) || contains(taken, name))
    name += '_';
  return name;
}

bool is_usable_identifier(std::string_view name) {
  if (name.empty() || !(is_lower(name[0]) || is_upper(name[0])))
    return false;
  const bool word = std::all_of(name.begin(), name.end(), [](char c) {
    return is_lower(c) || is_upper(c) || is_digit(c) || c == '_';
  });
  return word && name.find("__") == std::string_view::npos && !contains(keywords, name)
         && !contains(taken, name);
}

std::string title_case(std::string_view name) {
  std::string result(name);
  if (!result.empty() && is_lower(result[0]))
    result[0] = static_cast<char>(result[0] - 'a' + 'A');
  return result;
}

} // namespace cairn::schema_compiler
