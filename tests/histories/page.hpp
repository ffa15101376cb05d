#pragma once

#include <cairn/aggregate.hpp>

#include "history.hpp"
#include "page.cairn.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace histories {

inline constexpr const char* odd_code = "odd";

inline std::string name_of_key(std::uint32_t key) {
  return "key " + std::to_string(key);
}

/// A page's digest tells all tokens on it and their order: who has read it has said what was seen.
struct page {
  static constexpr std::string_view type_name = "page";
  using state = page_state;
  using command = std::variant<write_tokens, write_if_even, claim_key>;
  using event = std::variant<written>;

  static cairn::decision<event> decide(const state&, const write_tokens& c) {
    return tokens(c.token, c.count);
  }
  static cairn::decision<event> decide(const state& now, const write_if_even& c) {
    if (now.digest % 2 != 0)
      return cairn::reject(odd_code);
    return tokens(c.token, c.count);
  }
  static cairn::decision<event> decide(const state&, const claim_key& c) {
    return cairn::decision<event>{written{.token = c.token, .index = 0, .count = 1}}.reserve(
        name_of_key(c.key));
  }

  static void evolve(state& now, const written& e) {
    now.digest = digest_after(now.digest, {e.token, e.index, e.count});
  }

private:
  static cairn::decision<event> tokens(std::uint64_t token, std::uint32_t count) {
    std::vector<event> all;
    for (std::uint32_t i = 0; i < count; ++i)
      all.emplace_back(written{.token = token, .index = i, .count = count});
    return all;
  }
};

} // namespace histories
