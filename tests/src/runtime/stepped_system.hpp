#pragma once

#include <caf/actor_system.hpp>

#include <chrono>
#include <memory>

namespace test {

/// An actor system without threads and with a clock of the test's: actors run when the test says
/// so, in the order in which they were woken. The same for both generations of CAF.
class stepped_system {
public:
  stepped_system();
  ~stepped_system();

  caf::actor_system& get() noexcept;

  /// Runs what was woken first, once; false: there is nothing.
  bool run_once();
  /// Runs until there is nothing.
  void run();

  /// Moves the clock on, and wakes who waits for it.
  void advance(std::chrono::milliseconds time);

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace test
