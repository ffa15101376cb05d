#include <cairn/detail/table_key.hpp>

#include <algorithm>
#include <cstring>

namespace cairn::detail {
namespace {

constexpr std::size_t word = sizeof(std::uint64_t);
constexpr std::byte nul{0};
constexpr std::byte escaped{0xff}; // after a NUL that belongs to the text

} // namespace

void encoded_key::push(const void* bytes, std::size_t count) noexcept {
  if (size_ + count <= max_row_key_bytes)
    std::memcpy(bytes_ + size_, bytes, count);
  size_ += count;
}

void encoded_key::add(std::uint64_t number) noexcept {
  const std::uint64_t big_endian = __builtin_bswap64(number);
  push(&big_endian, sizeof(big_endian));
}

void encoded_key::add(std::string_view text) noexcept {
  static constexpr std::byte escape[2]{nul, escaped};
  static constexpr std::byte zeros[2 * word]{};
  for (;;) {
    const auto end = std::min(text.find('\0'), text.size());
    push(text.data(), end);
    if (end == text.size())
      break;
    push(escape, sizeof(escape));
    text.remove_prefix(end + 1);
  }
  push(zeros, 2); // smaller than whatever could go on
  push(zeros, (word - size_ % word) % word);
}

void encoded_key::add(key_view encoded) noexcept {
  push(encoded.data(), encoded.size());
}

std::uint64_t key_parser::number() noexcept {
  std::uint64_t big_endian = 0;
  if (rest_.size() < word) {
    broken_ = true;
    return 0;
  }
  std::memcpy(&big_endian, rest_.data(), word);
  rest_ = rest_.subspan(word);
  return __builtin_bswap64(big_endian);
}

std::string key_parser::text() {
  std::string text;
  for (std::size_t i = 0; i + 1 < rest_.size(); ++i) {
    if (rest_[i] != nul) {
      text += static_cast<char>(rest_[i]);
    } else if (rest_[i + 1] == escaped) {
      text += '\0';
      ++i;
    } else {
      rest_ = rest_.subspan(std::min(rest_.size(), (i + 2 + word - 1) / word * word));
      return text;
    }
  }
  broken_ = true;
  return text;
}

std::string key_after_prefix(key_view prefix) {
  std::string next{as_text(prefix)};
  while (!next.empty() && next.back() == '\xff')
    next.pop_back();
  if (!next.empty())
    ++next.back();
  return next;
}

} // namespace cairn::detail
