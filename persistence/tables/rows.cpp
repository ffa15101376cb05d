#include <cairn/detail/rows.hpp>

#include "tables/row_merge.hpp"

#include "records/append_message.hpp"
#include "records/record.hpp"

#include <cairn/table.hpp>

#include <charconv>

namespace cairn::detail {

std::vector<std::uint64_t> encode_row(function_ref<void(capnp::AnyPointer::Builder)> fill) {
  std::vector<std::uint64_t> row(row_header_words);
  constexpr std::size_t usual_words = 32;
  append_message(row, usual_words, [&](capnp::MessageBuilder& message) {
    fill(message.getRoot<capnp::AnyPointer>());
  });
  return row;
}

result<void> read_row(row_words row, function_ref<void(capnp::AnyPointer::Reader)> use) {
  try {
    message_in_place message{row, row_header_words};
    use(message.root<capnp::AnyPointer>());
    return {};
  } catch (const kj::Exception& damage) {
    return error{errc::corrupt_record,
                 std::string{"a row cannot be read: "} + damage.getDescription().cStr()};
  }
}

error key_too_long(std::string_view table, std::size_t bytes) {
  return {errc::invalid_argument, "a key of table " + std::string{table} + " is encoded in "
                                      + std::to_string(bytes - sizeof(std::uint64_t))
                                      + " bytes; the limit is "
                                      + std::to_string(max_table_key_bytes)};
}

std::string hexadecimal(std::uint64_t number) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number, 16).ptr;
  return {digits, end};
}

result<void> scan_over(const row_source& below, key_view from, key_view up_to,
                       scan_direction direction, function_ref<const override_row*()> next,
                       row_visitor visitor) {
  const override_row* change = next();
  bool stopped = false;
  const auto show = [&](key_view key, row_words row) {
    if (!row.empty() && visitor(key, row) == visit_result::stop)
      stopped = true;
    return stopped ? visit_result::stop : visit_result::proceed;
  };
  const auto comes_first = [&](key_view key) {
    const int order = as_text(change->key).compare(as_text(key));
    return direction == scan_direction::ascending ? order < 0 : order > 0;
  };
  auto scanned = below.scan(from, up_to, direction, [&](key_view key, row_words row) {
    for (; change && comes_first(key); change = next())
      if (show(change->key, change->row) == visit_result::stop)
        return visit_result::stop;
    if (!change || as_text(change->key) != as_text(key))
      return show(key, row);
    const auto shown = show(change->key, change->row);
    change = next();
    return shown;
  });
  for (; scanned && !stopped && change; change = next())
    show(change->key, change->row);
  return scanned;
}

} // namespace cairn::detail
