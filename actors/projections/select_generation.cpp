#include "projections/select_generation.hpp"

namespace cairn::detail {
namespace {

using content = found_generation::content;

struct candidates {
  std::optional<table_generation> live;              // the newest
  std::optional<table_generation> newest_unfinished; // of the version, and newer than `live`
  std::optional<table_generation> oldest_unfinished;
};

table_generation next_of(std::span<const found_generation> found, std::uint32_t version) {
  std::vector<table_generation> generations;
  for (const auto& each : found)
    generations.push_back(each.of);
  return next_generation(generations, version);
}

candidates collect(std::span<const found_generation> found, std::uint32_t version) {
  candidates all;
  for (const auto& each : found) {
    if (each.of.version > version)
      continue;
    const bool own = each.of.version == version;
    if (each.has == content::live) {
      all.live = each.of;
      break;
    }
    if (own && each.has == content::unfinished) {
      if (!all.newest_unfinished)
        all.newest_unfinished = each.of;
      all.oldest_unfinished = each.of;
    }
  }
  return all;
}

} // namespace

generation_plan select_generation(std::span<const found_generation> found, std::uint32_t version) {
  const auto all = collect(found, version);
  const auto next = next_of(found, version);
  generation_plan plan;
  if (!all.live) {
    plan.serving = all.oldest_unfinished.value_or(next);
    if (all.newest_unfinished != all.oldest_unfinished)
      plan.building = all.newest_unfinished;
    return plan;
  }
  plan.serving = *all.live;
  plan.serving_is_live = true;
  plan.building = all.newest_unfinished;
  if (!plan.building && plan.serving.version < version)
    plan.building = next;
  if (plan.building)
    return plan;
  for (const auto& each : found)
    if (each.of < plan.serving)
      plan.removed.push_back(each.of);
  return plan;
}

} // namespace cairn::detail
