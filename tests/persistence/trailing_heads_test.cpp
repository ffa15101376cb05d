#include "trailing_heads.hpp"

#include <cairn/ids.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

using namespace cairn;
using namespace cairn::detail;

namespace {

bool key_less(const head_entry* a, const head_entry* b) {
  const auto left = a->key(), right = b->key();
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end());
}

} // namespace

TEST_CASE("heads are sorted as LMDB sorts their keys") {
  head_table table{64};
  std::mt19937 random{17};
  std::vector<head_entry*> entries;
  for (int i = 0; i < 3'000; ++i) {
    // Long common prefixes, prefixes of one another, and bytes above 127.
    std::string name = i % 3 == 0 ? "shopping-cart/" : "t/";
    for (std::size_t size = 1 + random() % 40; size > 0; --size)
      name += "abü\xff"[random() % 4];
    const std::size_t hash = std::hash<std::string>{}(name);
    if (!table.find(name, hash))
      entries.push_back(&table.insert(name, hash, {1, 1}));
  }
  auto expected = entries;
  std::sort(expected.begin(), expected.end(), key_less);
  sort_by_key(entries);
  CHECK(entries == expected);
}

TEST_CASE("readers see a head only once its commit is published, and never one rolled back") {
  head_table table{4};
  const auto id = stream_id::make("test", "a").value();
  head_entry& entry = table.insert(id.name(), id.hash(), {3, 30});
  table.touch(entry, {4, 40});
  CHECK(table.committed(id.name(), id.hash()) == stream_head{3, 30});
  table.roll_back();
  CHECK(entry.pending == stream_head{3, 30});
  table.touch(entry, {4, 40});
  table.touch(entry, {5, 41});
  CHECK(table.publish().size() == 1);
  CHECK(table.committed(id.name(), id.hash()) == stream_head{5, 41});
  head_entry* const entries[] = {&entry};
  table.erase(entries);
  CHECK(table.committed(id.name(), id.hash()) == std::nullopt);
  CHECK(table.size() == 0);
}
