#include "records/text_check.hpp"

#include <string>

namespace cairn::detail {
namespace {

constexpr text_fault control(std::size_t place) {
  return {place, "a control character"};
}
constexpr text_fault malformed(std::size_t place) {
  return {place, "a byte that is not UTF-8"};
}

/// Bytes of the sequence that `lead` starts; 0: no sequence starts so.
std::size_t sequence_length(unsigned char lead) noexcept {
  if (lead < 0x80)
    return 1;
  if (lead >= 0xc2 && lead <= 0xdf)
    return 2;
  if (lead >= 0xe0 && lead <= 0xef)
    return 3;
  if (lead >= 0xf0 && lead <= 0xf4)
    return 4;
  return 0;
}

/// Whether the second byte of a sequence may follow `lead`: overlong forms, surrogates and code
/// points beyond U+10FFFF show in it.
bool admits_second(unsigned char lead, unsigned char second) noexcept {
  switch (lead) {
    case 0xe0: return second >= 0xa0 && second <= 0xbf;
    case 0xed: return second >= 0x80 && second <= 0x9f;
    case 0xf0: return second >= 0x90 && second <= 0xbf;
    case 0xf4: return second >= 0x80 && second <= 0x8f;
    default: return second >= 0x80 && second <= 0xbf;
  }
}

} // namespace

std::optional<text_fault> find_text_fault(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    if (lead < 0x20 || lead == 0x7f)
      return control(i);
    const std::size_t length = sequence_length(lead);
    if (length == 0 || i + length > text.size())
      return malformed(i);
    if (length > 1 && !admits_second(lead, byte(i + 1)))
      return malformed(i);
    for (std::size_t k = 2; k < length; ++k)
      if ((byte(i + k) & 0xc0) != 0x80)
        return malformed(i);
    if (lead == 0xc2 && byte(i + 1) < 0xa0)
      return control(i);
    i += length;
  }
  return std::nullopt;
}

namespace {

result<void> check_text(std::string_view what, std::string_view text, std::size_t most_bytes) {
  if (text.empty() || text.size() > most_bytes)
    return error{errc::invalid_argument, std::string{what} + " has " + std::to_string(text.size())
                                             + " bytes; it must have 1 to "
                                             + std::to_string(most_bytes)};
  if (const auto fault = find_text_fault(text))
    return error{errc::invalid_argument, std::string{what} + " has " + fault->what + " at place "
                                             + std::to_string(fault->place)};
  return {};
}

} // namespace

result<void> check_tag(std::string_view tag) {
  return check_text("a tag", tag, max_tag_bytes);
}

result<void> check_key(std::string_view key) {
  return check_text("a key", key, max_key_bytes);
}

} // namespace cairn::detail
