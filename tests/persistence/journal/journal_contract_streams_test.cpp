#include "journal_fixture.hpp"
#include "literals.hpp"

#include <map>

using namespace cairn;
using namespace cairn::test;

namespace {

struct listed_stream {
  std::string name;
  stream_head head;
  bool operator==(const listed_stream&) const = default;
};

std::vector<listed_stream> streams_of(const journal& journal, std::string_view prefix = {}) {
  std::vector<listed_stream> listed;
  must(journal.visit_streams(prefix, [&](std::string_view name, stream_head head) {
    listed.push_back({std::string{name}, head});
    return visit_result::proceed;
  }));
  return listed;
}

struct ignoring_target final : append_listener {
  void on_completed(std::vector<std::unique_ptr<append_operation>>) noexcept override {}
};

stream_id of(std::string_view type, std::string_view id) {
  return must(stream_id::make(type, id));
}

} // namespace

TEST_CASE("streams are listed in the order of names, each once, with its newest head") {
  FOR_EACH_JOURNAL(journal) {
    CHECK(streams_of(journal).empty());
    // More than a flush writes and than is read at once, with types that are each other's prefix.
    std::vector<stream_id> ids;
    for (std::uint64_t i = 0; i < 1400; ++i)
      ids.push_back(of(i % 3 == 0 ? "cart" : "cart-line", std::to_string(i * 7919 % 1301)));
    std::map<std::string, stream_head> expected;
    ignoring_target nobody;
    cairn::position position{};
    for (const auto& id : ids) {
      auto operation = std::make_unique<append_operation>(id, expected_version::any(), nobody);
      operation->events = notes(id, 1);
      journal.submit(std::move(operation));
      expected[id.name()] = {expected[id.name()].version + 1, ++position};
    }
    barrier(journal, ids.front());
    std::vector<listed_stream> all, carts;
    for (const auto& [name, head] : expected) {
      all.push_back({name, head});
      if (name.starts_with("cart/"))
        carts.push_back(all.back());
    }
    CHECK(streams_of(journal) == all);
    CHECK(streams_of(journal, "cart/") == carts);
    CHECK(streams_of(journal, "cart") == all);
    CHECK(streams_of(journal, "cart/no such").empty());
    CHECK(streams_of(journal, std::string(4096, 'c')).empty());
  }
}

TEST_CASE("a stream that has no event is not listed, although an append to it was refused") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a"), b = stream("b");
    must(journal.append(a, expected_version::any(), notes(a, 1)));
    CHECK(failure_of(journal.append(b, expected_version::exact(4_ver), notes(b, 1))).code()
          == errc::version_conflict);
    CHECK(streams_of(journal) == std::vector{listed_stream{"test/a", {1_ver, 1_pos}}});
  }
}

TEST_CASE("a visitor ends the list of streams when it has seen enough") {
  FOR_EACH_JOURNAL(journal) {
    for (const auto* id : {"a", "b", "c"})
      must(journal.append(stream(id), expected_version::any(), notes(stream(id), 1)));
    std::vector<std::string> seen;
    must(journal.visit_streams("test/", [&](std::string_view name, stream_head) {
      seen.emplace_back(name);
      return seen.size() == 2 ? visit_result::stop : visit_result::proceed;
    }));
    CHECK(seen == std::vector<std::string>{"test/a", "test/b"});
    must(journal.close());
    const auto closed = journal.visit_streams(
        {}, [](std::string_view, stream_head) { return visit_result::proceed; });
    CHECK(failure_of(closed).code() == errc::shut_down);
  }
}
