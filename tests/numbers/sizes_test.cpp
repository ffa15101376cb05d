#include "account.hpp"
#include "holdings_of_all.hpp"
#include "io_shim.hpp"
#include "temporary_directory.hpp"

#include <cairn/detail/deadline.hpp>
#include <cairn/runtime.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <sys/statvfs.h>

using cairn::errc;
using std::chrono::steady_clock;

namespace {

/// A disk of so many bytes for one file, while it lives: what lies beyond cannot be written, and
/// `statvfs` says how much is left.
class bounded_disk final : public test::io_observer {
public:
  bounded_disk(const std::filesystem::path& directory, std::uint64_t bytes) : bytes_{bytes} {
    test::watch_io(directory, this);
    current = this;
  }
  ~bounded_disk() {
    current = nullptr;
    test::watch_io({}, nullptr);
  }

  std::optional<test::io_failure> before(const test::io_call& call) override {
    if (call.what != test::io_call::kind::write || !call.path.ends_with(".mdb"))
      return std::nullopt;
    auto end = call.offset;
    for (const auto& part : call.parts)
      end += part.iov_len;
    if (end > bytes_) {
      was_full_ = true;
      return test::io_failure{ENOSPC};
    }
    auto used = used_.load();
    while (used < end && !used_.compare_exchange_weak(used, end)) {
    }
    return std::nullopt;
  }
  void after(const test::io_call&, bool) override {}

  std::uint64_t free_bytes() const noexcept { return bytes_ - used_; }
  bool was_full() const noexcept { return was_full_; }

  static inline std::atomic<bounded_disk*> current = nullptr;

private:
  const std::uint64_t bytes_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<bool> was_full_{false};
};

test::deposit noted(std::size_t bytes) {
  return {.amount = 1, .note = std::string(bytes, 'n')};
}

} // namespace

extern "C" int statvfs(const char* path, struct statvfs* disk) {
  static const auto system =
      reinterpret_cast<int (*)(const char*, struct statvfs*)>(dlsym(RTLD_NEXT, "statvfs"));
  const int outcome = system(path, disk);
  if (const auto* const bounded = bounded_disk::current.load(); bounded && outcome == 0)
    disk->f_bavail = bounded->free_bytes() / disk->f_frsize;
  return outcome;
}

TEST_CASE("a disk is refused for being full before it is, however small its watermark, and reads "
          "go on") {
  for (const std::size_t watermark : {std::size_t{0}, std::size_t{1} << 20}) {
    for (const std::size_t event_bytes : {std::size_t{100}, std::size_t{200'000}}) {
      CAPTURE(watermark);
      CAPTURE(event_bytes);
      const test::temporary_directory directory;
      const std::size_t disk_bytes = (event_bytes == 100 ? std::size_t{4} : 24) << 20;
      bounded_disk disk{directory.path(), disk_bytes};
      auto runtime =
          cairn::runtime::open({.storage = cairn::lmdb{.directory = directory / "journal",
                                                       .free_space_watermark_bytes = watermark,
                                                       .flush_interval_events = 64},
                                .threads = 1})
              .value();
      const auto accounts = runtime.host<test::account>({.snapshot_every = 10}).value();
      std::uint64_t accepted = 0;
      std::optional<cairn::error> refused;
      while (!refused) {
        std::vector<cairn::future<cairn::reply>> window;
        for (int i = 0; i < 256; ++i)
          window.push_back(accounts.ask("a" + std::to_string(i), noted(event_bytes)));
        for (auto& each : window) {
          auto told = each.get();
          if (told)
            ++accepted;
          else if (told.error().code() != errc::aborted) // behind one that was refused
            refused = told.error();
        }
      }
      INFO(*refused);
      CHECK(refused->code() == errc::storage_full);
      CHECK_FALSE(disk.was_full());
      CHECK_FALSE(runtime.status().journal.stopped_by.has_value());
      CHECK(runtime.journal().last_position().number() == accepted);
      CHECK(disk.free_bytes() < disk_bytes / 4 * 3); // a commit may be 8 MiB, and takes twice that
      CHECK(accounts.history("a1", [](const auto&, const auto&) {}));
      CHECK(runtime.close());
      CHECK_FALSE(disk.was_full());
    }
  }
}

TEST_CASE("a command that could never be let in is refused by the name of the option") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{},
                                       .max_outstanding_bytes = std::size_t{64} << 10})
                     .value();
  const auto accounts = runtime.host<test::account>().value();
  const auto refused = accounts.ask("a", noted(100'000)).get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::invalid_argument);
  CHECK(refused.error().message().find("runtime_options::max_outstanding_bytes")
        != std::string::npos);
  CHECK(accounts.ask("a", noted(10'000)).get());
}

TEST_CASE("views beyond the bound are refused at once, and the projection goes on") {
  const test::temporary_directory directory;
  auto runtime =
      cairn::runtime::open({.storage = cairn::lmdb{.directory = directory / "journal"}}).value();
  const auto accounts = runtime.host<test::account>().value();
  cairn::projection_options options{.threads = 3};
  options.tables.max_readers = 4;
  const auto rows = runtime.project<numbers::holdings_of_all>(options).value();
  std::vector<cairn::table_view> kept;
  for (int i = 0; i < 4; ++i)
    kept.push_back(rows.read().value());
  const auto refused = rows.read();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::overloaded);
  CHECK(refused.error().message().find("max_readers") != std::string::npos);
  for (int i = 0; i < 100; ++i) {
    const auto done = accounts.ask("a" + std::to_string(i), noted(1)).get();
    REQUIRE(done);
    CHECK(rows.wait_for(done->position()));
  }
  CHECK(rows.decisions());
  kept.pop_back();
  CHECK(rows.read());
  kept.clear();
  CHECK(runtime.close());
}

TEST_CASE("a snapshot that is too large is counted, and tried again only a few times, until it is "
          "small enough") {
  constexpr std::size_t too_large = cairn::max_snapshot_bytes + 1;
  auto runtime =
      cairn::runtime::open({.storage = cairn::in_memory{.max_event_bytes = 2 * too_large}}).value();
  const auto accounts = runtime.host<test::account>({.snapshot_every = 1}).value();
  const auto stream = cairn::stream_id::make("account", "a").value();
  const auto kept_version = [&] {
    cairn::version kept{};
    (void)runtime.journal().load_snapshot(
        stream, [&](const cairn::snapshot_view& view) { kept = view.at.version; });
    return kept;
  };
  REQUIRE(accounts.ask("a", noted(too_large)).get());
  const auto go_on = [&](int times) {
    for (int i = 0; i < times; ++i)
      REQUIRE(accounts.ask("a", test::transfer{.amount = 0, .fee = 0}).get());
  };
  go_on(10);
  CHECK(runtime.status().ignored_snapshots == 4); // at 1, 3, 7 and 15 events
  CHECK(kept_version().is_none());
  REQUIRE(accounts.ask("a", noted(10)).get());
  go_on(10);
  CHECK(kept_version() >= cairn::version{30});
  CHECK(runtime.status().ignored_snapshots == 4);
}

TEST_CASE("a future waits for any duration") {
  using namespace std::chrono_literals;
  auto state = cairn::detail::make_intrusive<cairn::detail::future_state<int>>();
  cairn::future<int> pending{state};
  CHECK_FALSE(pending.wait_for(0s));
  CHECK_FALSE(pending.wait_for(std::chrono::milliseconds::min()));
  CHECK_FALSE(pending.wait_for(std::chrono::duration<double>{1e-9}));
  CHECK_FALSE(
      pending.wait_for(std::chrono::duration<double>{std::numeric_limits<double>::quiet_NaN()}));
  std::atomic<bool> waits{false};
  std::thread settler{[&] {
    waits.wait(false);
    state->settle(7);
  }};
  waits = true;
  waits.notify_all();
  CHECK(pending.wait_for(std::chrono::milliseconds::max()));
  CHECK(pending.wait_for(std::chrono::duration<double>{1.5}));
  CHECK(pending.wait_until(steady_clock::time_point::min()));
  settler.join();
}

TEST_CASE("a deadline never lies beyond the clock's ends") {
  using namespace std::chrono_literals;
  using cairn::detail::later_by;
  using cairn::detail::saturated;
  using ticks = steady_clock::duration;
  CHECK(saturated(std::chrono::hours::max()) == ticks::max());
  CHECK(saturated(std::chrono::hours::min()) == ticks::min());
  CHECK(saturated(std::chrono::duration<double>{1e300}) == ticks::max());
  CHECK(saturated(std::chrono::duration<double>{-1e300}) == ticks::min());
  CHECK(saturated(std::chrono::duration<float>{std::numeric_limits<float>::infinity()})
        == ticks::max());
  CHECK(saturated(std::chrono::duration<double>{1.5}) == 1500ms);
  CHECK(saturated(ticks::max()) == ticks::max());
  CHECK(saturated(ticks::min()) == ticks::min());
  CHECK(saturated(std::chrono::duration<std::int64_t, std::pico>{1}) == ticks{1}); // not too short
  CHECK(saturated(123456789ms) == 123456789ms);
  const steady_clock::time_point now{5s};
  CHECK(later_by(now, ticks::max()) == steady_clock::time_point::max());
  CHECK(later_by(now, 1s) == steady_clock::time_point{6s});
  CHECK(later_by(steady_clock::time_point{-5s}, ticks::min()) == steady_clock::time_point::min());
  CHECK(later_by(now, -6s) == steady_clock::time_point{-1s});
}
