#include "import.hpp"

#include "import_window.hpp"

#include <cairn/ids.hpp>

#include <filesystem>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>

namespace shop {
namespace {

constexpr std::size_t baskets_in_flight = 4096;
constexpr std::size_t baskets_between_progress = 64;

/// Command number `i` of a basket: its items in turn, then the check-out.
shopping_cart::command command_of(const basket& of, std::size_t i, std::uint64_t price) {
  if (i == of.items.size())
    return check_out{};
  return add_item{.sku = of.items[i], .quantity = 1, .unit_price_cents = price};
}

/// The same for the same command of the same basket, whenever it is imported. A line that was
/// edited since gives other ids: it is another basket, which the checked-out cart then refuses. The
/// parts are kept apart by a control character, which none of them holds.
cairn::message_id command_id_of(const std::string& cart, std::size_t i,
                                const shopping_cart::command& command) {
  auto text = "import\n" + cart + '\n' + std::to_string(i) + '\n';
  if (const auto* add = std::get_if<add_item>(&command))
    text += add->sku + '\n' + std::to_string(add->unit_price_cents);
  return cairn::message_id::from_text(text);
}

std::string describe(const cairn::rejection& no, const shopping_cart::command& command) {
  std::ostringstream text;
  if (const auto* add = std::get_if<add_item>(&command))
    text << "adding " << add->sku << " was rejected: " << no;
  else
    text << "the check-out was rejected: " << no;
  return std::move(text).str();
}

/// Sends the commands of one basket, each when the one before is durable, and leaves the window.
/// Runs in the runtime's threads. (Parameters by value: they live in the coroutine.)
detached import_basket(cairn::aggregates<shopping_cart> carts, std::string cart, basket of,
                       std::uint64_t price, std::shared_ptr<import_window> window) {
  for (std::size_t i = 0; i <= of.items.size() && !window->failed();) {
    const auto command = command_of(of, i, price);
    auto sent = carts.ask(cart, command, {.command_id = command_id_of(cart, i, command)});
    const auto reply = co_await std::move(sent);
    if (!reply && reply.error().code() == cairn::errc::overloaded) {
      co_await window->pause();
      continue;
    }
    if (!reply) {
      window->fail(reply.error());
      break;
    }
    window->count(*reply);
    if (!reply->accepted()) {
      window->report(of.line, describe(reply->rejection(), command));
      break;
    }
    ++i;
  }
  window->leave();
}

/// `cart-` of the carts `cart-1`, `cart-2`, ...
cairn::result<std::string> name_prefix(const std::filesystem::path& file) {
  auto prefix = file.stem().string() + '-';
  const auto longest = prefix + std::string(20, '9'); // digits of the largest line number
  if (const auto checked = cairn::stream_id::make(shopping_cart::type_name, longest); !checked)
    return cairn::error{checked.error().code(),
                        "carts cannot be named after this file: " + checked.error().message()};
  return prefix;
}

/// Imports the rest of `file`; everything on its way is through when it returns.
class importer {
public:
  importer(const cairn::aggregates<shopping_cart>& carts, const import_options& options,
           basket_file& file, std::string prefix)
    : carts_{carts}, options_{options}, file_{file}, prefix_{std::move(prefix)} {}

  import_report run() {
    for (std::uint64_t lines = 0; !window_->failed(); ++lines) {
      auto line = file_.next();
      if (!line)
        window_->fail(line.error());
      if (!line || !*line)
        break;
      if (options_.on_progress && lines % baskets_between_progress == 0)
        options_.on_progress(file_.bytes_read(), file_.bytes());
      std::visit([this](auto& content) { take(std::move(content)); }, **line);
    }
    report(window_->drain());
    auto report = window_->progress();
    report.totals.baskets = baskets_;
    report.totals.items = items_;
    report.totals.malformed = malformed_;
    return report;
  }

private:
  void take(malformed_line line) {
    ++malformed_;
    options_.on_problem(line.line, line.reason);
  }

  void take(basket of) {
    ++baskets_;
    items_ += of.items.size();
    report(window_->enter());
    auto cart = prefix_ + std::to_string(of.line);
    import_basket(carts_, std::move(cart), std::move(of), options_.unit_price_cents, window_);
  }

  void report(const std::vector<import_window::problem>& problems) const {
    for (const auto& [line, reason] : problems)
      options_.on_problem(line, reason);
  }

  const cairn::aggregates<shopping_cart>& carts_;
  const import_options& options_;
  basket_file& file_;
  const std::string prefix_;
  // Shared with the baskets: the last one still uses it while this thread goes on.
  const std::shared_ptr<import_window> window_ = std::make_shared<import_window>(baskets_in_flight);
  std::uint64_t baskets_ = 0;
  std::uint64_t items_ = 0;
  std::uint64_t malformed_ = 0;
};

} // namespace

cairn::result<import_report> import_baskets(const cairn::aggregates<shopping_cart>& carts,
                                            basket_file& file, const import_options& options) {
  auto prefix = name_prefix(file.path());
  if (!prefix)
    return prefix.error();
  return importer{carts, options, file, std::move(*prefix)}.run();
}

} // namespace shop
