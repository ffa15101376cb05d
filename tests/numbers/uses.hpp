#pragma once

#include <cairn/check_replay.hpp>
#include <cairn/projection.hpp>
#include <cairn/runtime.hpp>
#include <cairn/simulation.hpp>
#include <cairn/table_store.hpp>
#include <cairn/verify_tables.hpp>

#include "account.hpp"
#include "holdings_of_all.hpp"
#include "latch.hpp"
#include "temporary_directory.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

/// What each option struct is for: `use<Options>::run` opens something with the options, does a
/// little work with it and closes it; its error is the first that comes.
namespace numbers {

template <class Options>
struct use;

/// Deposits into three accounts, and asks one.
inline cairn::result<void> work(const cairn::aggregates<test::account>& accounts) {
  for (const auto* const id : {"a", "b", "c", "a"}) {
    const auto done = accounts
                          .ask(id, test::deposit{.amount = 1, .note = {}},
                               {.command_id = cairn::message_id::random()})
                          .get();
    if (!done)
      return done.error();
  }
  const auto asked = accounts.query("a", [](const auto& now) { return now.balance; }).get();
  return asked ? cairn::result<void>{} : asked.error();
}

inline cairn::result<void> run_runtime(cairn::runtime_options options,
                                       const cairn::aggregate_options& kept = {}) {
  auto opened = cairn::runtime::open(std::move(options));
  if (!opened)
    return opened.error();
  const auto accounts = opened->host<test::account>(kept);
  if (!accounts)
    return accounts.error();
  if (auto worked = work(*accounts); !worked)
    return worked;
  return opened->close();
}

template <>
struct use<cairn::runtime_options> {
  static cairn::runtime_options usual() { return {.storage = cairn::in_memory{}}; }
  static cairn::result<void> run(const cairn::runtime_options& options) {
    return run_runtime(options);
  }
};

template <>
struct use<cairn::memory_journal_options> {
  static cairn::memory_journal_options usual() { return {}; }
  static cairn::result<void> run(const cairn::memory_journal_options& options) {
    const auto alone = cairn::make_memory_journal(options); // takes the nearest that it can
    const auto stream = cairn::stream_id::make("account", "a").value();
    cairn::event_batch one;
    if (auto added = one.add(stream, {}, test::deposited{.amount = 1, .note = {}}); !added)
      return added;
    if (auto landed = alone->append(stream, cairn::expected_version::any(), std::move(one));
        !landed)
      return landed.error();
    return run_runtime({.storage = options});
  }
};

template <>
struct use<cairn::aggregate_options> {
  static cairn::aggregate_options usual() { return {}; }
  static cairn::result<void> run(const cairn::aggregate_options& options) {
    return run_runtime({.storage = cairn::in_memory{}, .threads = 2}, options);
  }
};

template <>
struct use<cairn::lmdb_journal_options> {
  static cairn::lmdb_journal_options usual() {
    return {.directory = {}, .map_bytes = std::size_t{64} << 20, .free_space_watermark_bytes = 0};
  }
  static cairn::result<void> run(cairn::lmdb_journal_options options) {
    const test::temporary_directory directory;
    options.directory = directory / "journal";
    if (auto worked = run_runtime({.storage = options, .threads = 1}); !worked)
      return worked;
    const auto verified = cairn::verify_lmdb_journal(options);
    if (!verified)
      return verified.error();
    const auto reading = cairn::open_lmdb_journal_for_reading(options);
    if (!reading)
      return reading.error();
    const auto read = (*reading)->replay_all(
        cairn::position{1}, [](const cairn::event_view&) { return cairn::visit_result::proceed; });
    return read ? cairn::result<void>{} : read.error();
  }
};

template <>
struct use<cairn::table_store_options> {
  static cairn::table_store_options usual() {
    return {.visibility = cairn::row_visibility::at_once,
            .map_bytes = std::size_t{64} << 20,
            .free_space_watermark_bytes = 0};
  }
  static cairn::result<void> run(cairn::table_store_options options) {
    const test::temporary_directory directory;
    for (const auto& where : {std::filesystem::path{}, directory / "tables"}) {
      options.directory = where;
      const auto store = cairn::table_store::open(options);
      if (!store)
        return store.error();
      if (auto worked = write_rows(**store); !worked)
        return worked;
    }
    const auto verified = cairn::verify_tables(options);
    return verified ? cairn::result<void>{} : verified.error();
  }

  static cairn::result<void> write_rows(cairn::table_store& store) {
    for (std::uint64_t position = 1; position <= 6; ++position) {
      if (auto begun = store.begin_batch(); !begun)
        return begun;
      store.begin_event();
      cairn::table_writer{store.rows()}.put(holdings, std::to_string(position),
                                            test::holding{.balance = position, .movements = 1});
      if (auto published = store.publish({cairn::position{position}, 0}); !published)
        return published;
      const auto view = store.read();
      if (!view)
        return view.error();
    }
    return store.close();
  }
};

/// A runtime with some events, to follow.
struct with_events {
  cairn::runtime runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  cairn::aggregates<test::account> accounts = runtime.host<test::account>().value();
  cairn::result<void> worked = work(accounts);
};

template <>
struct use<cairn::projection_options> {
  static cairn::projection_options usual() { return {}; }
  static cairn::result<void> run(cairn::projection_options options) {
    for (const auto mode : {cairn::projection_mode::async, cairn::projection_mode::before_reply}) {
      options.mode = mode;
      if (mode == cairn::projection_mode::before_reply)
        options.threads = 1; // checked with the other mode
      with_events some;
      const auto rows = some.runtime.project<holdings_of_all>(options);
      if (!rows)
        return rows.error();
      if (auto seen = rows->wait_for(some.runtime.journal().last_position()); !seen)
        return seen;
      if (const auto view = rows->read(); !view)
        return view.error();
      if (auto closed = some.runtime.close(); !closed)
        return closed;
    }
    return {};
  }
};

template <>
struct use<cairn::subscription_options> {
  static cairn::subscription_options usual() { return {}; }
  static cairn::result<void> run(const cairn::subscription_options& options) {
    with_events some;
    auto feed = some.runtime.follow(cairn::event_selection::all(), options);
    if (!feed)
      return feed.error();
    const auto next =
        feed->next([](const cairn::event_view&) { return cairn::visit_result::proceed; });
    if (!next)
      return next.error();
    test::latch seen;
    seen.shut();
    const auto pushed = some.runtime.subscribe(
        cairn::event_selection::all(), [&](const cairn::event_view&) { seen.open(); }, options);
    if (!pushed)
      return pushed.error();
    seen.pass();
    return some.runtime.close();
  }
};

template <>
struct use<cairn::durable_subscription_options> {
  static cairn::durable_subscription_options usual() { return {}; }
  static cairn::result<void> run(const cairn::durable_subscription_options& options) {
    with_events some;
    test::latch seen;
    seen.shut();
    auto durable = some.runtime.subscribe_durably(
        "mailer", cairn::event_selection::all(), [&](const cairn::event_view&) { seen.open(); },
        options);
    if (!durable)
      return durable.error();
    seen.pass();
    if (auto closed = durable->close(); !closed)
      return closed;
    return some.runtime.close();
  }
};

template <>
struct use<cairn::replay_check_options> {
  static cairn::replay_check_options usual() { return {}; }
  static cairn::result<void> run(const cairn::replay_check_options& options) {
    with_events some;
    const auto checked = cairn::check_replay<test::account>(some.runtime.journal(), options);
    return checked ? cairn::result<void>{} : checked.error();
  }
};

template <>
struct use<cairn::ask_options> {
  static cairn::ask_options usual() { return {}; }
  static cairn::result<void> run(cairn::ask_options options) {
    with_events some;
    const auto rows = some.runtime.project<holdings_of_all>();
    if (!rows)
      return rows.error();
    const auto plain =
        some.accounts.ask("a", test::deposit{.amount = 1, .note = {}}, options).get();
    if (!plain)
      return plain.error();
    options.visible_in = {*rows};
    const auto seen = some.accounts.ask("a", test::deposit{.amount = 1, .note = {}}, options).get();
    return seen ? cairn::result<void>{} : seen.error();
  }
};

template <>
struct use<cairn::query_options> {
  static cairn::query_options usual() { return {}; }
  static cairn::result<void> run(const cairn::query_options& options) {
    with_events some;
    const auto asked = some.accounts
                           .query(
                               "a", [](const auto& now) { return now.balance; }, options)
                           .get();
    return asked ? cairn::result<void>{} : asked.error();
  }
};

template <>
struct use<cairn::simulation_options> {
  static cairn::simulation_options usual() { return {.runs = 2, .commands = 6}; }
  static cairn::result<void> run(const cairn::simulation_options& options) {
    const auto report = cairn::simulate<test::account, holdings_of_all>(
        options, cairn::workload<test::account>{
                     .command = [](cairn::random_source& random) -> test::account::command {
                       return test::deposit{.amount = random.below(9), .note = {}};
                     }});
    if (report.passed())
      return {};
    return cairn::error{cairn::errc::invalid_argument, report.failed->what};
  }
};

template <>
struct use<cairn::simulated_faults> {
  static cairn::simulated_faults usual() { return {}; }
  static cairn::result<void> run(const cairn::simulated_faults& faults) {
    auto options = use<cairn::simulation_options>::usual();
    options.faults = faults;
    return use<cairn::simulation_options>::run(options);
  }
};

} // namespace numbers
