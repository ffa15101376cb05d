#pragma once

#include <cairn/position.hpp>
#include <cairn/version.hpp>

/// Positions of shard 0, and versions, as tests write them: `3_pos`, `2_ver`. In the global
/// namespace, so that every test finds them.

consteval cairn::position operator""_pos(unsigned long long number) {
  return cairn::position{number};
}

consteval cairn::version operator""_ver(unsigned long long number) {
  return cairn::version{number};
}
