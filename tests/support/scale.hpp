#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

namespace test {

/// How often a long loop goes round: `full` when the environment has CAIRN_TEST_SCALE=full, else
/// `reduced`.
inline std::uint64_t scaled(std::uint64_t reduced, std::uint64_t full) {
  const char* scale = std::getenv("CAIRN_TEST_SCALE");
  return scale != nullptr && std::string_view{scale} == "full" ? full : reduced;
}

/// The seed of a random test: that of CAIRN_TEST_SEED, so that a failure can be repeated, or a
/// fresh one. The test prints it.
inline std::uint64_t fresh_seed() {
  if (const char* given = std::getenv("CAIRN_TEST_SEED"))
    return std::stoull(given);
  return std::random_device{}();
}

} // namespace test
