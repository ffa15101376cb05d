#pragma once

#include <cairn/aggregate_reader.hpp>
#include <cairn/log.hpp>
#include <cairn/runtime_base.hpp>
#include <cairn/storage.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace cairn {

/// How a runtime for reading is opened.
struct reading_options {
  /// The clock of queries' deadlines and of projections' batches, for tests. If it is empty:
  /// `steady_clock`. The rest is as for `runtime_options::clock`.
  std::function<std::chrono::steady_clock::time_point()> clock = {};

  /// As `runtime_options::log`.
  log_sink log = {};
};

/// Aggregates on a journal that is open for reading only, while another process may write it: a
/// `runtime` without commands. It sees the events that the writer has made durable. It takes no
/// lock that a writer needs, and starts no threads but those of subscriptions and projections.
///
///     auto runtime = cairn::reading_runtime::open({.directory = "concerts"});
///
/// Projections follow the log; they cannot be inline, as no replies are given here. All functions
/// may be called from any thread, several at a time; move and destroy it in one thread.
class reading_runtime : public runtime_base {
public:
  /// Opens the journal in `storage.directory`. Errors: those of `open_lmdb_journal_for_reading`,
  /// among them `invalid_argument` if an option is out of its range or `directory` is empty,
  /// `not_found` if there is no journal, `already_open` if this very process has it open.
  static result<reading_runtime> open(lmdb storage, reading_options options = {});

  reading_runtime(reading_runtime&&) noexcept = default;
  reading_runtime& operator=(reading_runtime&&) noexcept = default;

  /// The aggregates of type `T`. A second call gives the same aggregates. Two types with the same
  /// `type_name` in one runtime are a bug and stop the program.
  ///
  /// The schemas of its events and state are compared with those that the journal knows. Errors:
  /// `incompatible_schema`, naming type and field, if the program cannot read what the journal
  /// holds; the others of `journal::declare_schemas`, among them `shut_down`.
  template <aggregate T>
  result<aggregate_reader<T>> host() {
    auto hosted = runtime_base::host(std::make_unique<detail::typed_model<T>>(aggregate_options{}));
    if (!hosted)
      return std::move(hosted).error();
    return aggregate_reader<T>{*std::move(hosted)};
  }

private:
  explicit reading_runtime(std::unique_ptr<detail::runtime_core> core) noexcept;
};

} // namespace cairn
