#include "load.hpp"

#include "failure.hpp"

#include <cairn/event_batch.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>
#include <utility>

namespace bench {
namespace {

/// Sends what is due in bursts of this length rather than wake up for each request: a thread that
/// wakes up 100,000 times a second would take a processor from what it measures. It adds to the
/// measured latency.
constexpr std::chrono::microseconds open_loop_tick{250};

} // namespace

void outcomes::note_failure(const cairn::error& why) noexcept {
  if (failed_.fetch_add(1) == 0) {
    const std::lock_guard lock{mutex_};
    first_failure_ = std::string{to_string(why.code())} + ": " + why.message();
  }
}

void outcomes::throw_if_failed() const {
  if (failed_.load() == 0)
    return;
  const std::lock_guard lock{mutex_};
  throw failure{std::to_string(failed_.load()) + " requests failed, the first with "
                + first_failure_};
}

void client::settled() noexcept {
  const auto left = under_way_.fetch_sub(1) - 1;
  if (waits_.load() && left <= wanted_.load() && waits_.exchange(false))
    wake_.release();
}

void client::wait_for_at_most(std::size_t count) {
  if (under_way_.load() <= count)
    return;
  wanted_.store(count);
  // Set before the count is looked at again, which `settled` lowers before it looks at this: one of
  // the two sees the other.
  waits_.store(true);
  if (under_way_.load() <= count && waits_.exchange(false))
    return;
  wake_.acquire();
}

cairn::runtime open_runtime(const std::filesystem::path& directory) {
  return need(cairn::runtime::open({.storage = cairn::lmdb{directory}}), "opening a runtime");
}

std::string id_of(std::size_t index) {
  char text[32];
  std::snprintf(text, sizeof text, "c-%08zu", index);
  return text;
}

std::size_t data_bytes(std::size_t payload) {
  if (payload < 16)
    throw failure{"--payload must be at least 16: two pointers of 8 bytes belong to it"};
  return payload - 16;
}

std::size_t record_bytes(std::size_t payload) {
  cairn::event_batch batch;
  const auto stream = need(cairn::stream_id::make(counter::type_name, id_of(0)), "stream_id");
  need(batch.add(stream, {}, added{.payload = decltype(added::payload)(data_bytes(payload))}),
       "an event");
  return batch.bytes();
}

load::load(const settings& with) : settings_{with} {
  ids_.reserve(with.aggregates);
  for (std::size_t i = 0; i < with.aggregates; ++i)
    ids_.push_back(id_of(i));
  data_.assign(data_bytes(with.payload), std::byte{0x61});
  for (std::size_t i = 0; i < with.clients; ++i)
    clients_.push_back(std::make_unique<client>(i + 1));
}

std::size_t load::share() const noexcept {
  return std::max<std::size_t>(1, settings_.in_flight / settings_.clients);
}

cairn::future<cairn::reply> load::ask(client& by, std::size_t aggregate) {
  cairn::ask_options options;
  if (settings_.command_ids)
    options.command_id = {by.random()(), by.random()()};
  return target_->ask(ids_[aggregate], add{.payload = {data_.begin(), data_.end()}}, options);
}

void load::send_command(client& by, std::size_t aggregate, clock::time_point since) {
  auto sent = ask(by, aggregate);
  if (!after_)
    return by.expect(std::move(sent), since);
  auto told = std::move(sent).then([this](cairn::result<cairn::reply>&& outcome) {
    if (outcome)
      after_(*outcome);
    return std::move(outcome);
  });
  by.expect(std::move(told), since);
}

void load::send_query(client& by, std::size_t aggregate, clock::time_point since) {
  by.expect(target_->query(ids_[aggregate], [](const counter_state& now) { return now.count; }),
            since);
}

/// Returns whether it was a command.
bool load::send(client& by, clock::time_point since) {
  const auto chance = by.random()();
  const auto aggregate = static_cast<std::size_t>(chance >> 8) % ids_.size();
  const bool is_command = (chance & 3) >= settings_.queries_of_4;
  if (is_command)
    send_command(by, aggregate, since);
  else
    send_query(by, aggregate, since);
  return is_command;
}

std::chrono::duration<double>
load::on_all_clients(outcomes& out, const std::function<void(client&, std::size_t)>& work) {
  const auto begin = clock::now();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    clients_[i]->report_to(out);
    threads.emplace_back([&, i] {
      work(*clients_[i], i);
      clients_[i]->drain();
    });
  }
  for (auto& thread : threads)
    thread.join();
  return clock::now() - begin;
}

void load::activate_all() {
  outcomes out;
  on_all_clients(out, [&](client& by, std::size_t index) {
    for (auto i = index; i < ids_.size(); i += clients_.size()) {
      if (by.under_way() >= share())
        by.wait_for_at_most(share() / 2);
      send_command(by, i, clock::now());
    }
  });
  out.throw_if_failed();
  commands_ += ids_.size();
}

std::chrono::duration<double> load::query_all(outcomes& out) {
  return on_all_clients(out, [&](client& by, std::size_t index) {
    for (auto i = index; i < ids_.size(); i += clients_.size()) {
      if (by.under_way() >= share())
        by.wait_for_at_most(share() / 2);
      send_query(by, i, clock::now());
    }
  });
}

std::chrono::duration<double> load::run_closed(std::chrono::duration<double> time, outcomes& out) {
  const auto end = clock::now() + std::chrono::duration_cast<clock::duration>(time);
  // A client that has filled its share sleeps until an eighth of it has come back: to wake it for
  // every answer would measure the kernel's wake-ups.
  const auto room = share() - std::min<std::size_t>(share(), std::max<std::size_t>(1, share() / 8));
  return on_all_clients(out, [&](client& by, std::size_t) {
    std::uint64_t commands = 0;
    for (;;) {
      if (by.under_way() >= share())
        by.wait_for_at_most(room);
      const auto now = clock::now();
      if (now >= end)
        break;
      commands += send(by, now) ? 1 : 0;
    }
    commands_ += commands;
  });
}

std::chrono::duration<double> load::run_open(double rate, std::chrono::duration<double> time,
                                             outcomes& out) {
  const auto begin = clock::now();
  const std::chrono::duration<double> interval{static_cast<double>(clients_.size()) / rate};
  const auto count = static_cast<std::uint64_t>(time / interval);
  return on_all_clients(out, [&](client& by, std::size_t index) {
    const auto due = [&](std::uint64_t i) {
      const auto share_of_interval =
          static_cast<double>(index) / static_cast<double>(clients_.size());
      return begin
             + std::chrono::duration_cast<clock::duration>(
                 interval * (static_cast<double>(i) + share_of_interval));
    };
    std::uint64_t commands = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (due(i) > clock::now())
        std::this_thread::sleep_until(std::max(due(i), clock::now() + open_loop_tick));
      commands += send(by, due(i)) ? 1 : 0;
    }
    commands_ += commands;
  });
}

std::chrono::duration<double> load::run_single(std::chrono::duration<double> time, outcomes& out) {
  auto& by = *clients_.front();
  const auto begin = clock::now();
  const auto end = begin + std::chrono::duration_cast<clock::duration>(time);
  auto now = begin;
  while (now < end) {
    const auto outcome = ask(by, static_cast<std::size_t>(by.random()() % ids_.size())).get();
    const auto answered = clock::now();
    out.record(outcome, answered - now);
    ++commands_;
    now = answered;
  }
  return now - begin;
}

} // namespace bench
