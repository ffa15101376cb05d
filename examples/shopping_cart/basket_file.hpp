#pragma once

#include <cairn/result.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace shop {

/// One basket of a file: the items of a line, in their order, at least one.
struct basket {
  std::uint64_t line = 0; ///< From 1.
  std::vector<std::string> items;
};

/// A line that is no basket, and why.
struct malformed_line {
  std::uint64_t line = 0;
  std::string reason; ///< For people: "item 3 is malformed: it is empty".
};

/// Takes one line (without its end) apart: items separated by commas, spaces and tabs around them
/// dropped. An item in double quotes may hold commas and, doubled, quotes (RFC 4180), but no line
/// end. Returns the items, or the reason why the line is malformed.
std::variant<std::vector<std::string>, std::string> parse_basket(std::string_view line);

/// Reads a CSV file with a basket a line, one line at a time: memory is bounded by the longest line
/// that is allowed, whatever the file holds. Lines end with LF or CRLF; the last one need not; a
/// UTF-8 byte order mark at the beginning is skipped. One thread at a time.
class basket_file {
public:
  /// A longer line is malformed. More than the largest basket needs.
  static constexpr std::size_t max_line_bytes = std::size_t{4} << 20;

  /// Errors: `not_found`, `io_failed` (it cannot be read).
  static cairn::result<basket_file> open(const std::filesystem::path& path);

  using line = std::variant<basket, malformed_line>;

  /// The next line, or nothing at the end of the file. Errors: `io_failed`.
  cairn::result<std::optional<line>> next();

  const std::filesystem::path& path() const noexcept { return path_; }
  std::uint64_t bytes_read() const noexcept { return bytes_read_; }
  /// Of the whole file when it was opened; 0 if it is not a plain file.
  std::uint64_t bytes() const noexcept { return bytes_; }

private:
  struct closer {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  enum class ending { line, too_long, file };

  basket_file(std::unique_ptr<std::FILE, closer> file, std::filesystem::path path,
              std::uint64_t bytes);
  cairn::result<ending> read_line();
  bool fill();

  std::unique_ptr<std::FILE, closer> file_;
  std::filesystem::path path_;
  std::uint64_t bytes_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t line_ = 0;
  std::string text_; // of the current line
  std::vector<char> buffer_;
  std::string_view unread_; // part of buffer_
};

} // namespace shop
