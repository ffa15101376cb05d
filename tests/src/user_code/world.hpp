#pragma once

#include <cairn/reading_runtime.hpp>
#include <cairn/runtime.hpp>

#ifdef CAIRN_TEST_CAF
#include <cairn/caf.hpp>
#endif

#include "desk.hpp"
#include "latch.hpp"

#ifdef CAIRN_TEST_CAF
#include <caf/actor_system_config.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#endif

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace test {

#ifdef CAIRN_TEST_CAF
/// An actor for events. Its number means nothing: CAF 0.17.6 needs an argument to spawn one.
caf::behavior ignore_events(caf::event_based_actor* self, int number);
#endif

/// What a place needs of the world beside a runtime in memory.
struct needs {
  bool inline_projection = false;
  bool failing_projection = false; ///< With a pause between attempts that is hooked.
};

/// A runtime with one of everything, for one call at one place. It is never destroyed.
class world {
public:
  /// `stops`: the call is to stop the program, so what it waits for never comes. `journal`: the
  /// directory of a journal with events that nobody writes.
  world(const needs& wanted, bool stops, std::filesystem::path journal);

  /// Counts that a call has been made and has returned.
  void returned();
  void wait_until_returned(int times);

  /// Another runtime, for reading; opened by the first call.
  cairn::reading_runtime& reading();
  cairn::aggregate_reader<desk> reading_desks();

  /// From now on the calls address this one, if only one thread comes to the place.
  void take(cairn::subscription own);
  void take(cairn::durable_subscription own);

  const std::filesystem::path journal;
  const bool stops;
  bool at_once = false; ///< Several threads come to the place at the same time.
  latch gate;           ///< Shut if the call is to stop the program.
  latch hold;           ///< Of the place: keeps a reply from coming before it is waited for.
#ifdef CAIRN_TEST_CAF
  std::unique_ptr<caf::actor_system_config> caf_config;
  std::unique_ptr<caf::actor_system> system;
  std::optional<cairn::caf_subscription> delivery;
#endif
  std::optional<cairn::runtime> runtime;
  std::optional<cairn::aggregates<desk>> desks;
  std::optional<cairn::projection<boards<0>>> projection;
  std::optional<cairn::subscription> subscription;
  std::optional<cairn::durable_subscription> durable;
  std::optional<cairn::event_feed> feed;

  cairn::future<cairn::reply> put(std::string_view id, std::string text = "x") {
    return desks->ask(id, put_note{.text = std::move(text)});
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int returned_ = 0;
  std::vector<cairn::subscription> kept_;
  std::vector<cairn::durable_subscription> kept_durable_;
  std::optional<cairn::reading_runtime> reading_;
  std::optional<cairn::aggregate_reader<desk>> reading_desks_;
};

/// Where an application's function runs.
struct place {
  const char* name;
  /// The letters of what it is, as the rows of calls name them: T a turn of an aggregate (E: in
  /// evolve), C a continuation, P the handler of a projection, H of a subscription, D of a durable
  /// one, K the clock, L the log sink. Empty: it holds nothing.
  std::string_view is;
  const char* text; ///< What it is called in the sentence.
  /// Makes the application's function run, which makes the call. `number`: of the thread that
  /// does this, from 0, when several do.
  void (*run)(world& in, const std::function<void()>& call, int number);
  spot hooked_at = spot::nowhere; ///< Where the call is made; nowhere: `run` has it made.
  needs wanted = {};
};

/// A function of the public interface.
struct call {
  const char* name; ///< As the header has it: `class::function`.
  /// The letters of the places where it stops the program; everywhere else it works.
  std::string_view stops_in;
  void (*make)(world& in);
  const char* called = nullptr;   ///< What the sentence calls it, if not by its name.
  const char* sentence = nullptr; ///< It stops the program everywhere, with this.
  bool ends_the_world = false;    ///< Nothing is to be had of the runtime afterwards.
};

std::span<const place> all_places();
std::span<const call> all_calls();

} // namespace test
