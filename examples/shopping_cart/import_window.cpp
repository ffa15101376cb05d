#include "import_window.hpp"

#include <chrono>

namespace shop {
namespace {

constexpr std::chrono::milliseconds pause_length{5};

} // namespace

std::vector<import_window::problem> import_window::enter() {
  auto problems = wait_until_fewer_than(capacity_);
  const std::lock_guard lock{mutex_};
  ++inside_;
  return problems;
}

std::vector<import_window::problem> import_window::drain() {
  return wait_until_fewer_than(1);
}

std::vector<import_window::problem> import_window::wait_until_fewer_than(std::size_t limit) {
  std::unique_lock lock{mutex_};
  const auto has_room = [&] { return inside_ < limit; };
  while (!has_room()) {
    changed_.wait(lock, [&] { return has_room() || !parked_.empty(); });
    if (parked_.empty())
      continue;
    changed_.wait_for(lock, pause_length, has_room);
    const auto resumed = std::exchange(parked_, {});
    lock.unlock();
    for (const auto basket : resumed)
      basket.resume();
    lock.lock();
  }
  return std::exchange(problems_, {});
}

void import_window::leave() {
  const std::lock_guard lock{mutex_};
  --inside_;
  changed_.notify_one();
}

void import_window::count(const cairn::reply& reply) {
  const std::lock_guard lock{mutex_};
  auto& totals = progress_.totals;
  ++(!reply.accepted() ? totals.rejected : reply.repeated() ? totals.repeated : totals.accepted);
}

void import_window::report(std::uint64_t line, std::string reason) {
  const std::lock_guard lock{mutex_};
  problems_.push_back({line, std::move(reason)});
}

void import_window::fail(const cairn::error& failure) {
  const std::lock_guard lock{mutex_};
  if (!progress_.failure)
    progress_.failure = failure;
}

bool import_window::failed() const {
  const std::lock_guard lock{mutex_};
  return progress_.failure.has_value();
}

import_report import_window::progress() const {
  const std::lock_guard lock{mutex_};
  return progress_;
}

void import_window::park(std::coroutine_handle<> basket) {
  const std::lock_guard lock{mutex_};
  parked_.push_back(basket);
  changed_.notify_one();
}

} // namespace shop
