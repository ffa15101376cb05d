#include "basket_file.hpp"

#include "cart.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace shop {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{64} << 10;
constexpr std::string_view blanks = " \t";
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

std::string_view trim_left(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(blanks), text.size()));
}

std::string_view trim(std::string_view text) {
  return trim_left(text.substr(0, text.find_last_not_of(blanks) + 1));
}

/// Takes the first field off `rest`, and the comma after it. `more` says whether there was one.
/// Returns what is wrong with the field's quotes, if anything.
std::optional<std::string> take_field(std::string_view& rest, std::string& field, bool& more) {
  rest = trim_left(rest);
  if (!rest.starts_with('"')) {
    const auto comma = rest.find(',');
    field = trim(rest.substr(0, comma));
    more = comma != std::string_view::npos;
    rest = more ? rest.substr(comma + 1) : std::string_view{};
    return std::nullopt;
  }
  field.clear();
  for (;;) {
    const auto quote = rest.find('"', 1);
    if (quote == std::string_view::npos)
      return "its closing quote is missing";
    field += rest.substr(1, quote - 1);
    rest = rest.substr(quote + 1);
    if (!rest.starts_with('"'))
      break;
    field += '"';
  }
  rest = trim_left(rest);
  more = rest.starts_with(',');
  if (!more && !rest.empty())
    return "there is text after its closing quote";
  rest = more ? rest.substr(1) : rest;
  return std::nullopt;
}

cairn::error system_error(const std::filesystem::path& path, int number) {
  return {number == ENOENT ? cairn::errc::not_found : cairn::errc::io_failed,
          "cannot read " + path.string() + ": " + std::strerror(number)};
}

} // namespace

std::variant<std::vector<std::string>, std::string> parse_basket(std::string_view line) {
  if (trim(line).empty())
    return "the basket is empty";
  std::vector<std::string> items;
  std::string item;
  for (bool more = true; more;) {
    auto problem = take_field(line, item, more);
    if (!problem)
      problem = sku_problem(item);
    if (problem)
      return "item " + std::to_string(items.size() + 1) + " is malformed: " + *problem;
    if (items.size() == max_cart_lines)
      return "the basket has more than " + std::to_string(max_cart_lines) + " items";
    items.push_back(item);
  }
  return items;
}

cairn::result<basket_file> basket_file::open(const std::filesystem::path& path) {
  std::unique_ptr<std::FILE, closer> file{std::fopen(path.c_str(), "re")};
  if (!file)
    return system_error(path, errno);
  std::error_code no_plain_file;
  if (std::filesystem::is_directory(path, no_plain_file))
    return system_error(path, EISDIR);
  const auto bytes = std::filesystem::file_size(path, no_plain_file);
  return basket_file{std::move(file), path, no_plain_file ? 0 : bytes};
}

basket_file::basket_file(std::unique_ptr<std::FILE, closer> file, std::filesystem::path path,
                         std::uint64_t bytes)
  : file_{std::move(file)}, path_{std::move(path)}, bytes_{bytes}, buffer_(buffer_bytes) {}

cairn::result<std::optional<basket_file::line>> basket_file::next() {
  const auto end = read_line();
  if (!end)
    return end.error();
  if (*end == ending::file)
    return std::optional<line>{};
  ++line_;
  if (*end == ending::too_long)
    return std::optional<line>{malformed_line{
        line_, "the line has more than " + std::to_string(max_line_bytes) + " bytes"}};

  std::string_view text = text_;
  if (line_ == 1 && text.starts_with(byte_order_mark))
    text.remove_prefix(byte_order_mark.size());
  if (text.ends_with('\r'))
    text.remove_suffix(1);
  auto parsed = parse_basket(text);
  if (auto* reason = std::get_if<std::string>(&parsed))
    return std::optional<line>{malformed_line{line_, std::move(*reason)}};
  return std::optional<line>{basket{line_, std::get<0>(std::move(parsed))}};
}

/// Puts the next line into `text_`, without its LF.
cairn::result<basket_file::ending> basket_file::read_line() {
  text_.clear();
  bool too_long = false;
  bool found = false;
  while (!unread_.empty() || fill()) {
    found = true;
    const auto end = unread_.find('\n');
    const auto piece = unread_.substr(0, end);
    too_long = too_long || piece.size() > max_line_bytes - text_.size();
    if (!too_long)
      text_ += piece;
    const bool complete = end != std::string_view::npos;
    unread_.remove_prefix(piece.size() + (complete ? 1 : 0));
    if (complete)
      return too_long ? ending::too_long : ending::line;
  }
  if (std::ferror(file_.get()) != 0)
    return system_error(path_, errno);
  if (!found)
    return ending::file;
  return too_long ? ending::too_long : ending::line;
}

bool basket_file::fill() {
  const auto size = std::fread(buffer_.data(), 1, buffer_.size(), file_.get());
  bytes_read_ += size;
  unread_ = {buffer_.data(), size};
  return size > 0;
}

} // namespace shop
