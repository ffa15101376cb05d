#include <cairn/detail/schema_value.hpp>

#include <charconv>

namespace cairn::detail {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

template <class T>
void print_shortest(std::ostream& out, T value) {
  char buffer[32]; // The longest is a double: 24 characters.
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out << std::string_view(buffer, static_cast<std::size_t>(end - buffer));
}

void print_escaped(std::ostream& out, char c) {
  switch (c) {
    case '"': out << "\\\""; return;
    case '\\': out << "\\\\"; return;
    case '\n': out << "\\n"; return;
    case '\r': out << "\\r"; return;
    case '\t': out << "\\t"; return;
    default: break;
  }
  const auto code = static_cast<unsigned char>(c);
  if (code < 0x20 || code == 0x7f)
    out << "\\x" << hex_digits[code >> 4] << hex_digits[code & 15];
  else
    out << c;
}

} // namespace

nests_too_deep::nests_too_deep()
  : std::length_error{"a value nests too deep: no more than 64 levels can be read"} {}

void print_text(std::ostream& out, std::string_view value) {
  out << '"';
  for (const char c : value)
    print_escaped(out, c);
  out << '"';
}

void print_bytes(std::ostream& out, const bytes& value) {
  out << "0x";
  for (const std::byte b : value) {
    const auto code = std::to_integer<unsigned>(b);
    out << hex_digits[code >> 4] << hex_digits[code & 15];
  }
}

void print_number(std::ostream& out, std::int64_t value) {
  print_shortest(out, value);
}
void print_number(std::ostream& out, std::uint64_t value) {
  print_shortest(out, value);
}
void print_number(std::ostream& out, float value) {
  print_shortest(out, value);
}
void print_number(std::ostream& out, double value) {
  print_shortest(out, value);
}

} // namespace cairn::detail
