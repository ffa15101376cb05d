#include "engine_fixture.hpp"

#include "gated_journal.hpp"
#include "latch.hpp"
#include "literals.hpp"

#include <vector>

using namespace std::chrono_literals;
using test::account;
using test::put;

namespace {

constexpr auto patience = 60s;

/// The only thread of the executor serves a journal whose reads of the stream "slow" wait.
struct loading_fixture {
  loading_fixture() {
    journal.on_replay = [this](const cairn::stream_id& stream) {
      if (stream.id() == "slow")
        disk.pass();
    };
    disk.shut();
  }
  ~loading_fixture() {
    disk.open();
    engine.close();
  }

  test::latch disk;
  test::gated_journal journal;
  test::threaded_engine engine{journal, {.max_concurrent_rehydrations = 2, .executor_threads = 1}};
  cairn::aggregates<account> accounts = engine.host<account>();
};

} // namespace

TEST_CASE_FIXTURE(loading_fixture,
                  "aggregates are served and loaded while one waits for the disk to be loaded") {
  auto slow = accounts.ask("slow", put(1));
  disk.wait_for_arrival();
  for (int i = 0; i < 3; ++i) { // loaded by the first
    auto quick = accounts.ask("quick", put(1));
    REQUIRE(quick.wait_for(patience));
    CHECK(quick.get().value().accepted());
  }
  CHECK(!slow.ready());
  disk.open();
  CHECK(slow.get().value().version() == 1_ver);
}

TEST_CASE_FIXTURE(loading_fixture,
                  "what arrives while an aggregate is loaded is answered in its order") {
  std::vector<cairn::future<cairn::reply>> sent;
  sent.push_back(accounts.ask("slow", put(1)));
  disk.wait_for_arrival();
  for (int i = 0; i < 10; ++i)
    sent.push_back(accounts.ask("slow", put(1)));
  disk.open();
  for (std::uint64_t i = 0; i < sent.size(); ++i)
    CHECK(sent[i].get().value().version() == cairn::version{i + 1});
  CHECK(engine.figures().rehydrations == 1);
}
