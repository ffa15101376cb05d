#include "literals.hpp"
#include "lmdb_journal/trailing_heads.hpp"

#include <cairn/ids.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes(); // GCC ships no header of it
#else
#include <malloc.h>
#endif

using namespace cairn;
using namespace cairn::detail;

namespace {

bool key_less(const head_entry* a, const head_entry* b) {
  const auto left = a->key(), right = b->key();
  return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end());
}

std::size_t allocated_bytes() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

/// What the writer does, without the disk: streams that are written, in cycles.
struct heads_in_memory {
  explicit heads_in_memory(std::size_t kept) : rows{table, &databases::heads, kept} {}

  void write(std::uint64_t number) {
    const std::string name = "test/" + std::to_string(number);
    const std::uint64_t hash = std::hash<std::string>{}(name);
    head_entry* entry = table.find(name, hash);
    if (!entry)
      entry = &rows.insert(name, hash, {});
    table.touch(*entry, {entry->pending.version + 1, ++position});
    for (head_entry* const moved : table.publish())
      rows.mark(*moved);
    rows.tidy();
  }
  void flush() {
    rows.freeze();
    rows.sort_frozen();
    rows.finish();
  }
  bool knows(std::uint64_t number) const {
    const std::string name = "test/" + std::to_string(number);
    return table.find(name, std::hash<std::string>{}(name)) != nullptr;
  }

  head_table table{64};
  trailing_heads rows;
  cairn::position position{};
};

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
      entries.push_back(&table.insert(name, hash, {1_ver, 1_pos}));
  }
  auto expected = entries;
  std::sort(expected.begin(), expected.end(), key_less);
  sort_by_key(entries);
  CHECK(entries == expected);
}

TEST_CASE("readers see a head only once its commit is published, and never one rolled back") {
  head_table table{4};
  const auto id = stream_id::make("test", "a").value();
  head_entry& entry = table.insert(id.name(), id.hash(), {3_ver, 30_pos});
  table.touch(entry, {4_ver, 40_pos});
  CHECK(table.committed(id.name(), id.hash()) == stream_head{3_ver, 30_pos});
  table.roll_back();
  CHECK(entry.pending == stream_head{3_ver, 30_pos});
  table.touch(entry, {4_ver, 40_pos});
  table.touch(entry, {5_ver, 41_pos});
  CHECK(table.publish().size() == 1);
  CHECK(table.committed(id.name(), id.hash()) == stream_head{5_ver, 41_pos});
  head_entry* const entries[] = {&entry};
  table.erase(entries);
  CHECK(table.committed(id.name(), id.hash()) == std::nullopt);
  CHECK(table.size() == 0);
}

TEST_CASE("a few streams that are written again and again cost no more memory for it") {
  heads_in_memory heads{1'000};
  std::size_t early = 0;
  for (int cycle = 0; cycle < 2'000; ++cycle) {
    for (std::uint64_t number = 0; number < 100; ++number)
      heads.write(number);
    heads.flush();
    if (cycle == 200)
      early = allocated_bytes();
  }
  CHECK(heads.table.size() == 100);
  CHECK(allocated_bytes() < early + 16'000);
}

TEST_CASE("streams beyond those that are kept leave the memory, the busy ones last") {
  constexpr std::size_t kept = 50, a_cycle = 40;
  heads_in_memory heads{kept};
  std::size_t busy_missing = 0;
  for (std::uint64_t number = 100; number < 5'000; ++number) {
    heads.write(number); // once, and never again
    for (std::uint64_t busy = 0; busy < 4; ++busy) {
      busy_missing += number > 100 && !heads.knows(busy) ? 1 : 0;
      heads.write(busy);
    }
    if (number % a_cycle == 0)
      heads.flush();
    CHECK(heads.table.size() <= kept + 2 * (a_cycle + 4));
  }
  CHECK(busy_missing == 0);
  CHECK_FALSE(heads.knows(100));
}
