// A runtime whose journal has stopped is opened again in place, and its handles go on.

#include <cairn/runtime.hpp>

#include "account.hpp"
#include "holdings.hpp"
#include "io_shim.hpp"
#include "literals.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <tuple>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

/// A disk that fails while it is broken: it writes nothing; or everything up to the commit's last
/// call, LMDB's write of the root page, which it does as well and denies.
class breaking_disk final : public io_observer {
public:
  explicit breaking_disk(bool writes) : writes_{writes} {}

  std::optional<io_failure> before(const io_call& call) override {
    const bool of_the_journal = call.path.find('/') == std::string::npos; // else of tables
    if (!broken || !of_the_journal)
      return std::nullopt;
    if (!writes_ || has_written_)
      return io_failure{.error = EIO};
    if (!call.synchronous)
      return std::nullopt;
    has_written_ = true;
    return io_failure{.error = EIO, .done = true};
  }
  void after(const io_call&, bool) override {}

  std::atomic<bool> broken = false;

private:
  const bool writes_;
  std::atomic<bool> has_written_ = false;
};

/// As long as it lives, the calls below a directory go by this disk.
class watched {
public:
  watched(const std::filesystem::path& directory, breaking_disk& disk) {
    watch_io(directory, &disk);
  }
  ~watched() { watch_io({}, nullptr); }
  watched(const watched&) = delete;
  watched& operator=(const watched&) = delete;
};

struct balance_sheet : follows_money<balance_sheet> {
  static constexpr std::string_view name = "balance-sheet";
  static constexpr std::uint32_t version = 1;
  static constexpr cairn::table<std::string, holding> balances{"balances"};
  static constexpr auto tables = std::tie(balances);

  static void move(cairn::table_writer& to, const cairn::event_info& at, std::uint64_t amount) {
    to.update(balances, at.aggregate_id, [&](holding& row) { row.balance += amount; });
  }
};

cairn::ask_options once(const char* id) {
  cairn::ask_options options;
  options.command_id = cairn::message_id::from_text(id);
  return options;
}

} // namespace

TEST_CASE("a runtime whose disk has failed goes on in place, and what was unknown is known") {
  for (const bool written : {false, true}) {
    CAPTURE(written);
    const temporary_directory directory;
    breaking_disk disk{written};
    const watched watch{directory / "data", disk};
    auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "data"}}).value();
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<balance_sheet>().value();
    std::atomic<cairn::position> followed = cairn::position{};
    const auto follower = runtime
                              .subscribe(cairn::event_selection::all(),
                                         [&](const cairn::event_view& event) {
                                           CHECK(event.position() == followed.load() + 1);
                                           followed = event.position();
                                           followed.notify_all();
                                         })
                              .value();
    auto feed = runtime.follow(cairn::event_selection::all()).value();
    REQUIRE(accounts.ask("a", deposit{.amount = 5, .note = {}}, once("first")).get());

    disk.broken = true;
    const auto lost = accounts.ask("a", deposit{.amount = 7, .note = {}}, once("second")).get();
    CHECK(lost.error().code() == errc::outcome_unknown);
    const auto later = accounts.ask("b", deposit{.amount = 1, .note = {}}).get();
    // LMDB lets nobody read any more if the write of its root page has failed.
    CHECK(later.error().code() == (written ? errc::io_failed : errc::journal_stopped));
    REQUIRE(runtime.status().journal.stopped_by.has_value());
    (void)accounts.query("a", [](const account_state& now) { return now.balance; }).get();
    CHECK_FALSE(runtime.reopen()); // the disk is still broken
    CHECK(accounts.ask("b", deposit{.amount = 1, .note = {}}).get().error().code()
          == errc::journal_stopped);

    disk.broken = false;
    REQUIRE(runtime.reopen());
    CHECK_FALSE(runtime.status().journal.stopped_by);
    const auto balance =
        accounts.query("a", [](const account_state& now) { return now.balance; }).get().value();
    CHECK(balance == (written ? 12 : 5));
    const auto again = accounts.ask("a", deposit{.amount = 7, .note = {}}, once("second")).get();
    REQUIRE(again);
    CHECK(again->repeated() == written);
    CHECK(again->position() == 2_pos);
    REQUIRE(accounts.ask("b", deposit{.amount = 1, .note = {}}).get());

    CHECK(sheet.wait_for(3_pos));
    CHECK(sheet.read().value().get(balance_sheet::balances, "a").value()->balance == 12);
    for (auto seen = followed.load(); seen < 3_pos; seen = followed.load())
      followed.wait(seen);
    CHECK(follower.active());
    cairn::position pulled;
    while (pulled < 3_pos) {
      const auto shown = feed.next([&](const cairn::event_view& event) {
        pulled = event.position();
        return cairn::visit_result::proceed;
      });
      REQUIRE(shown);
    }
    REQUIRE(runtime.reopen()); // it has not stopped
    CHECK(runtime.status().journal.epoch == 2);
    CHECK(runtime.close());
    CHECK(runtime.reopen().error().code() == errc::shut_down);
  }
}
