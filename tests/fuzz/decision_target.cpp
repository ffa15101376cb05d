// An operator's decision about an event, as a projection's tables keep it.

#include "tables/decision_rows.hpp"
#include "target.hpp"

namespace {

using namespace cairn;
using namespace cairn::detail;

constexpr std::uint64_t number = 1;

} // namespace

std::vector<fuzz::input> fuzz::seeds() {
  std::vector<input> made;
  for (const auto what : {projection_decision::kind::retry, projection_decision::kind::park,
                          projection_decision::kind::skip}) {
    const projection_decision decision{.what = what,
                                       .position = position{7},
                                       .version = version{3},
                                       .type = 0xf101a2b3c4d5e6f7,
                                       .stream = "cart/42",
                                       .error =
                                           what == projection_decision::kind::skip ? "" : "threw",
                                       .attempts = 6,
                                       .reason = "does not matter",
                                       .decided_at = {}};
    const auto row = encode_decision(number, decision);
    made.push_back(bytes_of(std::span{row}));
  }
  return made;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  auto words = fuzz::words_of(bytes, size);
  (void)decode_decision(number, words);
  if (words.empty())
    return 0;
  seal_value(key_bytes(number), words.data(), words.size() * sizeof(std::uint64_t));
  const auto decision = decode_decision(number, words);
  if (!decision)
    return 0;
  CAIRN_ASSERT(decision->what <= projection_decision::kind::skip);
  const auto again = encode_decision(number, *decision);
  CAIRN_ASSERT(decode_decision(number, again).value() == *decision);
  return 0;
}
