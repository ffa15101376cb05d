// What CAF does for an engine, on a scheduler that runs step by step.

#include "runtime/caf_adapter.hpp"
#include "stepped_system.hpp"

#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace test;
using namespace cairn::detail;

namespace {

struct counting_runner final : runner {
  counting_runner(int& runs, bool& destroyed, int last)
    : runs_{runs}, destroyed_{destroyed}, last_{last} {}
  ~counting_runner() override { destroyed_ = true; }
  bool run() noexcept override { return ++runs_ < last_; }

private:
  int& runs_;
  bool& destroyed_;
  int last_;
};

struct stepped_fixture {
  stepped_system stepped;
  caf::actor_system& system = stepped.get();

  void run() { stepped.run(); }
};

} // namespace

TEST_CASE_FIXTURE(
    stepped_fixture,
    "an actor runs once for each wake-up, ends when told, and lets go of its runner") {
  int runs = 0;
  bool destroyed = false;
  const auto before = system.registry().running();
  auto actor = caf_adapter::spawn(system, make_intrusive<counting_runner>(runs, destroyed, 3));
  run();
  CHECK(runs == 0); // it sleeps until it is woken
  caf_adapter::wake(actor);
  run();
  CHECK(runs == 1);
  caf_adapter::wake(actor);
  caf_adapter::wake(actor);
  caf_adapter::wake(actor); // beyond its end
  run();
  CHECK(runs == 3);
  CHECK(destroyed); // although the handle is still here
  CHECK(system.registry().running() == before);
}

TEST_CASE_FIXTURE(stepped_fixture, "a task is run until it has had enough") {
  int runs = 0;
  caf_adapter::schedule(system, [&] { return ++runs < 3; });
  CHECK(runs == 0);
  run();
  CHECK(runs == 3);
}

TEST_CASE_FIXTURE(stepped_fixture, "a periodic actor wakes itself, too, and ends when told") {
  int runs = 0;
  bool destroyed = false;
  const auto before = system.registry().running();
  auto actor = caf_adapter::spawn_periodic(
      system, make_intrusive<counting_runner>(runs, destroyed, 4), std::chrono::milliseconds{100});
  run();
  CHECK(runs == 0);
  for (int i = 1; i <= 2; ++i) {
    stepped.advance(std::chrono::milliseconds{100});
    run();
    CHECK(runs == i);
  }
  caf_adapter::wake(actor);
  run();
  CHECK(runs == 3);
  stepped.advance(std::chrono::milliseconds{100});
  run();
  CHECK(runs == 4);
  CHECK(destroyed);
  stepped.advance(std::chrono::milliseconds{1000});
  run();
  CHECK(runs == 4);
  CHECK(system.registry().running() == before);
}
