// Keys of rows: of tables, whose components a scan takes apart, and of the index of tags.

#include "lmdb_rows/tag_rows.hpp"
#include "target.hpp"

#include <cairn/detail/table_key.hpp>

#include <string>
#include <tuple>

namespace {

using namespace cairn::detail;

using key = std::tuple<std::string, std::int32_t, std::string, std::uint64_t, bool>;

encoded_key encoded(const key& of) {
  const auto& [name, number, place, at, flag] = of;
  encoded_key made{1};
  key_codec<key>::encode(made, {name, number, place, at, flag});
  return made;
}

} // namespace

std::vector<fuzz::input> fuzz::seeds() {
  std::vector<input> made;
  using namespace std::string_literals;
  for (const auto& each :
       {key{"tea", -1, "", 7, true}, key{"a\0b\0"s, 1, std::string(40, 'x'), 0, false},
        key{"", 0, "\xff\xff", ~std::uint64_t{0}, true}})
    made.emplace_back(as_text(encoded(each).bytes()));
  return made;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto given = std::as_bytes(std::span{bytes, size});
  (void)tag_key::position_in(given);
  (void)key_after_prefix(given);
  key_parser parser{given};
  const auto decoded = key_codec<key>::decode(parser);
  if (!parser.complete())
    return 0;
  // What was taken for a key is one: its parts survive the way back.
  const auto again = encoded(decoded);
  if (again.fits()) {
    key_parser back{again.bytes()};
    CAIRN_ASSERT(key_codec<key>::decode(back) == decoded && back.complete());
  }
  return 0;
}
