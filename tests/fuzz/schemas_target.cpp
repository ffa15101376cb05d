// Schemas as a journal keeps them: any two generations are refused, or can be used to judge a
// program's, and to show what an event holds.

#include "lmdb_rows/schema_rows.hpp"
#include "schema_history/schema_history.hpp"
#include "target.hpp"

#include <cairn/memory_journal.hpp>
#include <cairn/schema_catalogue.hpp>

#include "catalogue.cairn.hpp"

#include <algorithm>
#include <chrono>

namespace {

using namespace cairn;
using namespace cairn::detail;

using large = schema_of<catalogue::v1::tree>::wire;

/// The schemas that these rows hold.
class stored_schemas final : public schema_registry {
public:
  explicit stored_schemas(std::vector<words_view> rows) : rows_{std::move(rows)} {}

  result<void> visit_schemas(function_ref<void(const schema_generation&)> visitor) const override {
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (auto shown = show_schema_row(i + 1, rows_[i], visitor); !shown)
        return shown;
    return {};
  }
  result<void> declare_schemas(const schema_declaration&) override {
    return error{errc::invalid_argument, "nothing can be declared"};
  }

private:
  const std::vector<words_view> rows_;
};

schema_declaration declaration(const char* owner, bool all) {
  const auto schema = capnp::Schema::from<large>();
  if (all)
    return {.owner = owner, .events = {schema}, .states = {schema}};
  return {.owner = owner,
          .events = {capnp::Schema::from<schema_of<catalogue::v1::point>::wire>()},
          .rows = {capnp::Schema::from<schema_of<catalogue::v1::point>::wire>()}};
}

std::vector<std::uint64_t> row_of(const schema_history& before, const schema_declaration& used) {
  std::vector<std::uint64_t> row(words_of<schema_header>);
  const auto message = before.judge(used).value();
  row.insert(row.end(), message.begin(), message.end());
  return row;
}

/// The words of the first row, their number in front; then those of the second.
fuzz::input two_rows(const std::vector<std::uint64_t>& first,
                     const std::vector<std::uint64_t>& second) {
  const std::uint64_t size = first.size();
  return fuzz::bytes_of(std::span{&size, 1}) + fuzz::bytes_of(std::span{first})
         + fuzz::bytes_of(std::span{second});
}

void use(const schema_registry& of) {
  static const auto no_events = make_memory_journal();
  for (const bool all : {false, true})
    (void)judge_schemas(of, *no_events, declaration("cart", all));
  const auto catalogue = schema_catalogue::load(of);
  if (!catalogue)
    return;
  capnp::MallocMessageBuilder message;
  (void)message.initRoot<large>();
  const auto history = schema_history::of(of);
  for (const auto& [id, node] : history.value().newest()) {
    CAIRN_ASSERT(!catalogue->name_of(id).empty() || node.name().empty());
    (void)catalogue->payload_as_json(id, message.getRoot<capnp::AnyPointer>().asReader());
  }
}

} // namespace

std::vector<fuzz::input> fuzz::seeds() {
  const schema_history none;
  const auto small = row_of(none, declaration("cart", false));
  const auto large = row_of(none, declaration("cart", true));
  return {two_rows(small, {}), two_rows(small, large), two_rows(small, small)};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  auto words = fuzz::words_of(bytes, size);
  if (words.empty())
    return 0;
  const auto first = std::min<std::uint64_t>(words[0], words.size() - 1);
  const std::span<std::uint64_t> rows[]{std::span{words}.subspan(1, first),
                                        std::span{words}.subspan(1 + first)};
  std::vector<words_view> sealed;
  for (const auto& row : rows) {
    if (row.size() < words_of<schema_header>)
      break;
    const std::uint64_t number = sealed.size() + 1;
    (void)show_schema_row(number, row, [](const schema_generation&) {});
    seal_value(key_bytes(number), row.data(), row.size_bytes());
    sealed.push_back(row);
  }
  use(stored_schemas{std::move(sealed)});
  return 0;
}
