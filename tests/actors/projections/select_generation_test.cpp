#include "projections/select_generation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

using cairn::detail::found_generation;
using cairn::detail::generation_plan;
using cairn::detail::select_generation;
using cairn::detail::table_generation;

namespace cairn::detail {

std::ostream& operator<<(std::ostream& to, const table_generation& of) {
  return to << of.version << '/' << of.generation;
}

std::ostream& operator<<(std::ostream& to, const generation_plan& plan) {
  to << "serving " << plan.serving << (plan.serving_is_live ? " (live)" : " (not live)");
  if (plan.building)
    to << ", building " << *plan.building;
  for (const auto& each : plan.removed)
    to << ", removing " << each;
  return to;
}

} // namespace cairn::detail

namespace {

constexpr std::uint32_t version = 2; // of the program

constexpr table_generation at(std::uint32_t of, std::uint32_t generation) {
  return {of, generation};
}
constexpr found_generation live(std::uint32_t of, std::uint32_t generation) {
  return {at(of, generation), found_generation::content::live};
}
constexpr found_generation unfinished(std::uint32_t of, std::uint32_t generation) {
  return {at(of, generation), found_generation::content::unfinished};
}
constexpr found_generation unknown(std::uint32_t of, std::uint32_t generation) {
  return {at(of, generation), found_generation::content::unknown};
}

struct row {
  const char* what;
  std::vector<found_generation> found; // newest first
  generation_plan plan;
};

generation_plan serves(table_generation serving) {
  return {.serving = serving};
}
generation_plan serves_live(table_generation serving, std::vector<table_generation> removed = {}) {
  return {.serving = serving, .serving_is_live = true, .removed = std::move(removed)};
}
generation_plan serves_live_builds(table_generation serving, table_generation building) {
  return {.serving = serving, .serving_is_live = true, .building = building};
}

const std::vector<row> table{
    {"nothing: the first tables serve while they are built", {}, serves(at(2, 1))},
    {"live tables of this version serve, and nothing is built",
     {live(2, 1)},
     serves_live(at(2, 1))},
    {"live tables of an older version serve while this version is built",
     {live(1, 3)},
     serves_live_builds(at(1, 3), at(2, 1))},
    {"tables of a newer version stay as they are, live or not",
     {live(3, 2), unfinished(3, 1)},
     serves(at(2, 1))},
    {"live tables of this version serve below those of a newer one",
     {live(3, 1), live(2, 4)},
     serves_live(at(2, 4))},
    {"an older version serves below a newer one while this version is built",
     {unknown(3, 1), live(1, 1)},
     serves_live_builds(at(1, 1), at(2, 1))},

    {"an unfinished first build goes on and serves", {unfinished(2, 1)}, serves(at(2, 1))},
    {"a rebuild goes on beside the live tables that it was begun beside",
     {unfinished(2, 2), live(2, 1)},
     serves_live_builds(at(2, 1), at(2, 2))},
    {"an unfinished build of this version goes on beside the live tables of an older one",
     {unfinished(2, 1), live(1, 1)},
     serves_live_builds(at(1, 1), at(2, 1))},
    {"unfinished tables that are older than the live ones are removed",
     {live(2, 3), unfinished(2, 2), unfinished(2, 1)},
     serves_live(at(2, 3), {at(2, 2), at(2, 1)})},
    {"unfinished tables of an older version do not serve", {unfinished(1, 1)}, serves(at(2, 1))},
    {"live tables of an older version serve below unfinished ones of that version",
     {unfinished(1, 2), live(1, 1)},
     serves_live_builds(at(1, 1), at(2, 1))},
    {"unfinished tables of a newer version are not gone on with",
     {unfinished(3, 1), unfinished(2, 1)},
     serves(at(2, 1))},

    {"the newest live tables serve, and the older ones are removed",
     {live(2, 2), live(2, 1), live(1, 1)},
     serves_live(at(2, 2), {at(2, 1), at(1, 1)})},
    {"the newest live tables of older versions serve, and nothing is removed while there is a "
     "build",
     {live(1, 2), live(1, 1), live(0, 1)},
     serves_live_builds(at(1, 2), at(2, 1))},
    {"what was not opened behind live tables is removed with the rest",
     {live(2, 2), unknown(2, 1), unknown(1, 1)},
     serves_live(at(2, 2), {at(2, 1), at(1, 1)})},
    {"older tables of another shape cannot serve", {unknown(1, 1)}, serves(at(2, 1))},
    {"older tables of another shape are skipped, and the live ones below them serve",
     {unknown(1, 2), live(1, 1)},
     serves_live_builds(at(1, 1), at(2, 1))},
    {"of an unfinished rebuild and older tables none are removed",
     {unfinished(2, 3), live(2, 2), live(2, 1)},
     serves_live_builds(at(2, 2), at(2, 3))},
    {"of several unfinished generations without live tables the oldest serves, the newest is built",
     {unfinished(2, 3), unfinished(2, 2), unfinished(2, 1)},
     {.serving = at(2, 1), .building = at(2, 3)}},
    {"a rebuild that could not begin, a second one and a crash left two unfinished generations "
     "beside the live tables, and the older of the two served",
     {unfinished(2, 3), unfinished(2, 2), live(2, 1)},
     serves_live_builds(at(2, 1), at(2, 3))},
    {"the same beside the live tables of an older version",
     {unfinished(2, 2), unfinished(2, 1), live(1, 1)},
     serves_live_builds(at(1, 1), at(2, 2))},
};

/// All sets of tables of three versions with two generations each, every one absent or in one of
/// the states that it can have been found in.
void for_each_finding(const std::function<void(const std::vector<found_generation>&)>& visit) {
  constexpr int kinds = 4; // absent, unknown, unfinished, live
  constexpr int places = 6;
  int combinations = 1;
  for (int place = 0; place < places; ++place)
    combinations *= kinds;
  for (int code = 0; code < combinations; ++code) {
    std::vector<found_generation> found;
    int rest = code;
    for (int place = 0; place < places; ++place, rest /= kinds) {
      const table_generation of{static_cast<std::uint32_t>(3 - place / 2),
                                static_cast<std::uint32_t>(2 - place % 2)};
      if (rest % kinds != 0)
        found.push_back({of, static_cast<found_generation::content>(rest % kinds - 1)});
    }
    visit(found);
  }
}

std::optional<found_generation> find(const std::vector<found_generation>& found,
                                     const table_generation& wanted) {
  const auto at = std::ranges::find(found, wanted, &found_generation::of);
  return at == found.end() ? std::nullopt : std::optional{*at};
}

} // namespace

TEST_CASE("which tables serve, are built and are removed follows from what is on disk") {
  for (const auto& each : table) {
    CAPTURE(each.what);
    CHECK(select_generation(each.found, version) == each.plan);
  }
}

TEST_CASE("whatever is on disk, this version serves or is built, and nothing in use is removed") {
  for_each_finding([](const std::vector<found_generation>& found) {
    std::string listed;
    for (const auto& each : found)
      listed += std::to_string(each.of.version) + '/' + std::to_string(each.of.generation) + ':'
                + std::to_string(static_cast<int>(each.has)) + ' ';
    CAPTURE(listed);
    const auto plan = select_generation(found, version);
    const auto serving = find(found, plan.serving);
    const auto has = serving ? serving->has : found_generation::content::unfinished;
    const auto is = [&](const found_generation& each, found_generation::content wanted) {
      return each.of.version <= version && each.has == wanted;
    };
    const auto newest_live = std::ranges::find_if(
        found, [&](const auto& each) { return is(each, found_generation::content::live); });
    CHECK(plan.serving_is_live == (newest_live != found.end()));
    if (newest_live != found.end())
      CHECK(plan.serving == newest_live->of);
    CHECK(plan.serving.version <= version);
    CHECK(has != found_generation::content::unknown);
    const auto kept_up = plan.building.value_or(plan.serving);
    CHECK(kept_up.version == version);
    if (plan.building)
      CHECK(plan.serving < *plan.building);
    for (const auto& each : found) // nothing unfinished of this version is newer than what is built
      if (each.of.version == version && each.has == found_generation::content::unfinished)
        CHECK(each.of <= kept_up);
    for (const auto& each : plan.removed) {
      CHECK(each < plan.serving);
      CHECK(find(found, each));
      CHECK_FALSE(plan.building);
    }
  });
}
