#include <cairn/ids.hpp>

#include "records/text_check.hpp"
#include "support/process_identity.hpp"

#define XXH_INLINE_ALL // hashing a name is on every command's way
#include <sys/random.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <ostream>
#include <random>

namespace cairn {
namespace {

bool is_type_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

error invalid(std::string message) {
  return {errc::invalid_argument, std::move(message)};
}

result<void> check_type(std::string_view type) {
  if (type.empty())
    return invalid("the aggregate type is empty; it must have 1 to 64 characters");
  if (type.size() > max_aggregate_type_bytes)
    return invalid("the aggregate type has " + std::to_string(type.size())
                   + " bytes; the limit is 64");
  for (std::size_t i = 0; i < type.size(); ++i)
    if (!is_type_character(type[i]))
      return invalid("the aggregate type has a forbidden byte at place " + std::to_string(i)
                     + "; only a-z, 0-9, '-', '_' and '.' are allowed");
  return {};
}

result<void> check_id(std::string_view id) {
  if (id.empty())
    return invalid("the aggregate id is empty; it must have 1 to 255 bytes");
  if (id.size() > max_aggregate_id_bytes)
    return invalid("the aggregate id has " + std::to_string(id.size())
                   + " bytes; the limit is 255");
  if (const auto fault = detail::find_text_fault(id))
    return invalid(std::string{"the aggregate id has "} + fault->what + " at place "
                   + std::to_string(fault->place));
  return {};
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

constexpr std::size_t uuid_characters = 36;

constexpr bool is_dash_place(std::size_t i) noexcept {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

bool parse_uuid(std::string_view text, std::array<std::uint64_t, 2>& bits) noexcept {
  if (text.size() != uuid_characters)
    return false;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash_place(i)) {
      if (text[i] != '-')
        return false;
      continue;
    }
    const int digit = hex_digit(text[i]);
    if (digit < 0)
      return false;
    bits[digits / 16] = bits[digits / 16] << 4 | static_cast<std::uint64_t>(digit);
    ++digits;
  }
  return true;
}

/// 256 bits of the operating system's randomness spread by a generator; a forked child starts
/// afresh, or it would repeat its parent's ids.
struct id_generator {
  std::mt19937_64 generator;
  std::uint64_t seeded_in = 0;

  std::uint64_t next() {
    if (const auto now = detail::process_token(); seeded_in != now) {
      seed();
      seeded_in = now;
    }
    return generator();
  }

  void seed() {
    std::array<std::uint32_t, 8> entropy{};
    while (getrandom(entropy.data(), sizeof(entropy), 0) != sizeof(entropy))
      CAIRN_ASSERT(errno == EINTR);
    std::seed_seq sequence(entropy.begin(), entropy.end());
    generator.seed(sequence);
  }
};

} // namespace

stream_id::stream_id(std::string name, std::size_t type_size)
  : name_{std::move(name)}, type_size_{type_size}, hash_{XXH3_64bits(name_.data(), name_.size())} {}

result<stream_id> stream_id::make(std::string_view type, std::string_view id) {
  if (auto checked = check_type(type); !checked)
    return std::move(checked).error();
  if (auto checked = check_id(id); !checked)
    return std::move(checked).error();
  std::string name;
  name.reserve(type.size() + 1 + id.size());
  name.append(type).append(1, '/').append(id);
  return stream_id{std::move(name), type.size()};
}

result<stream_id> stream_id::parse(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos)
    return invalid("a stream is named type/id, and there is no '/' in the name given");
  return make(name.substr(0, slash), name.substr(slash + 1));
}

std::ostream& operator<<(std::ostream& out, const stream_id& id) {
  return out << id.name();
}

message_id message_id::random() {
  thread_local id_generator generator;
  constexpr std::uint64_t version_mask = 0xf000, version_4 = 0x4000;
  constexpr std::uint64_t variant_mask = std::uint64_t{3} << 62, variant = std::uint64_t{2} << 62;
  const std::uint64_t high = (generator.next() & ~version_mask) | version_4;
  const std::uint64_t low = (generator.next() & ~variant_mask) | variant;
  return {high, low};
}

message_id message_id::from_text(std::string_view text) noexcept {
  if (text.empty())
    return {};
  if (std::array<std::uint64_t, 2> bits{}; parse_uuid(text, bits))
    return {bits[0], bits[1]};
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {hash.high64, hash.low64};
}

std::string message_id::to_string() const {
  std::string text(uuid_characters, '-');
  std::size_t digit = 0;
  for (std::size_t i = 0; i < uuid_characters; ++i) {
    if (is_dash_place(i))
      continue;
    const std::uint64_t half = digit < 16 ? high_ : low_;
    text[i] = "0123456789abcdef"[half >> (60 - 4 * (digit % 16)) & 0xf];
    ++digit;
  }
  return text;
}

std::ostream& operator<<(std::ostream& out, const message_id& id) {
  return out << id.to_string();
}

std::ostream& operator<<(std::ostream& out, const expected_version& expected) {
  switch (expected.what()) {
    case expected_version::kind::any: return out << "any";
    case expected_version::kind::none: return out << "none";
    case expected_version::kind::exists: return out << "exists";
    case expected_version::kind::exact: return out << "exactly " << expected.version();
  }
  return out;
}

} // namespace cairn
