// Kills a process that writes, again and again on the same journal, and looks for anything that a
// client was told and the journal does not show, or the other way round.

#include "acknowledged_log.hpp"
#include "command_line.hpp"
#include "commands.hpp"
#include "literals.hpp"
#include "projection_sheet.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

#include <cairn/runtime.hpp>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

extern char** environ;

using namespace crash;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

/// A process of ours that writes, and the pipe it reports to.
class writer {
public:
  writer(const std::string& program, const std::string& directory, std::uint64_t run,
         std::uint64_t seed, std::uint32_t first_cart) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw std::runtime_error{"cannot make a pipe"};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<std::string> words{program, directory, std::to_string(run), std::to_string(seed),
                                   std::to_string(first_cart)};
    std::vector<char*> arguments;
    for (auto& word : words)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const int failed =
        ::posix_spawn(&process_, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    reports_ = ends[0];
    if (failed) {
      ::close(reports_);
      throw std::runtime_error{"cannot start " + program + ": " + std::strerror(failed)};
    }
  }
  ~writer() {
    kill();
    ::close(reports_);
  }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  /// Hears reports until `end`; false: the pipe has ended.
  template <class Hear>
  bool listen_until(clock_type::time_point end, Hear&& hear) {
    for (;;) {
      const auto left = std::max(end - clock_type::now(), clock_type::duration::zero());
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      const timespec patience{seconds.count(), std::chrono::nanoseconds{left - seconds}.count()};
      pollfd watched{reports_, POLLIN, 0};
      if (::ppoll(&watched, 1, &patience, nullptr) <= 0)
        return true;
      if (!read_some(hear))
        return false;
    }
  }

  /// Hears what is left in the pipe of a dead writer.
  template <class Hear>
  void hear_the_rest(Hear&& hear) {
    while (read_some(hear)) {
    }
  }

  /// SIGKILL; returns the status it ended with, or -1 if it had been waited for.
  int kill() {
    if (process_ < 0)
      return -1;
    ::kill(process_, SIGKILL);
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return status;
  }

private:
  template <class Hear>
  bool read_some(Hear&& hear) {
    const auto got = ::read(reports_, buffer_ + filled_, sizeof buffer_ - filled_);
    if (got <= 0)
      return false;
    filled_ += static_cast<std::size_t>(got);
    std::size_t taken = 0;
    for (; taken + sizeof(report) <= filled_; taken += sizeof(report)) {
      report told;
      std::memcpy(&told, buffer_ + taken, sizeof told);
      hear(told);
    }
    std::memmove(buffer_, buffer_ + taken, filled_ - taken);
    filled_ -= taken;
    return true;
  }

  pid_t process_ = -1;
  int reports_ = -1;
  char buffer_[65'536];
  std::size_t filled_ = 0;
};

/// The fold of the journal, made here from the records. It goes on from where it was asked for
/// last, or else every kill would cost as much as all those before it: that the history does not
/// change is checked elsewhere.
class fold {
public:
  const tally_sheet& up_to(const cairn::journal& events, cairn::position wanted) {
    if (wanted < reached_) {
      sheet_ = {};
      reached_ = {};
    }
    const auto replayed = events.replay_all(reached_ + 1, [&](const cairn::event_view& event) {
      if (event.position() > wanted)
        return cairn::visit_result::stop;
      const auto name = event.stream();
      auto& row = sheet_.carts[std::string{name.substr(name.find('/') + 1)}];
      ++row.events;
      row.last_position = event.position().number();
      row.deleted = event.type() == cairn::type_id_of<deleted>();
      ++sheet_.events;
      reached_ = event.position();
      return cairn::visit_result::proceed;
    });
    if (!replayed)
      throw contradiction{replayed.error().message()};
    return sheet_;
  }

private:
  tally_sheet sheet_;
  cairn::position reached_;
};

struct counts {
  std::uint64_t projections_behind = 0; ///< The events that the disk lacked after a kill.
  std::uint64_t folded_in_parallel = 0; ///< Of these, those by several threads at once.
  std::uint64_t kills_before_opening = 0;
  std::uint64_t sent_again = 0;
  std::uint64_t sent_again_and_known = 0;
  std::uint64_t deleted_probed = 0;
};

class kill_loop {
public:
  kill_loop(std::string program, std::string directory, std::uint64_t seed)
    : program_{std::move(program)}, directory_{std::move(directory)}, random_{seed} {}

  /// Starts a writer, kills it, opens what it left and looks.
  void once() {
    ++run_;
    write_and_kill();
    auto runtime = open();
    seen_.read(runtime.journal());
    check_projection<false>(runtime);
    check_projection<true>(runtime);
    const auto carts = runtime.host<cart>({.snapshot_every = 4}).value();
    probe_deleted(carts);
    send_again(carts);
    if (const auto closed = runtime.close(); !closed)
      fail(closed.error());
  }

  void at_the_end() {
    auto runtime = open();
    seen_.begin(run_ + 1);
    seen_.read(runtime.journal()); // what was sent again after the last kill
    seen_.read_again(runtime.journal());
  }

  void print() const {
    const auto& seen = seen_.seen();
    std::cout << run_ << " kills (" << counts_.kills_before_opening << " while opening), "
              << seen.events << " events, " << seen_.deleted().size() << " carts deleted\n"
              << seen.acknowledged << " acknowledged and found, " << seen.repeated
              << " repetitions recognised, " << seen.rejected << " rejections, of them "
              << seen.refused_after_deletion << " after the deletion, " << seen.failed
              << " failed\n"
              << seen.unanswered << " unanswered at the kill, " << seen.unanswered_written
              << " of them durable; " << counts_.sent_again << " sent again, "
              << counts_.sent_again_and_known << " of them known\n"
              << counts_.deleted_probed
              << " commands to deleted carts after reopening, all refused\n"
              << 2 * run_ << " times the tables of a projection were the fold of the journal, "
              << counts_.projections_behind << " events were taken in after a kill, "
              << counts_.folded_in_parallel << " of them by several threads\n";
  }

private:
  void write_and_kill() {
    seen_.begin(run_);
    writer killed{program_, directory_, run_, random_(), first_cart()};
    bool opened = false;
    bool answered = false;
    const auto hear = [&](const report& told) {
      opened = true;
      answered = answered || (told.what != report::kind::opened && told.what != report::kind::sent);
      seen_.hear(told);
      highest_cart_ = std::max(highest_cart_, told.cart);
    };
    const auto moment = [&](double from_ms, double to_ms) {
      return std::chrono::duration_cast<clock_type::duration>(
          std::chrono::duration<double, std::milli>{
              std::uniform_real_distribution{from_ms, to_ms}(random_)});
    };
    if (random_() % 8 == 0) { // while it opens what the last one left
      killed.listen_until(clock_type::now() + moment(0.5, 60), hear);
    } else {
      const auto patience = clock_type::now() + 60s;
      while (!answered && clock_type::now() < patience
             && killed.listen_until(clock_type::now() + 1ms, hear)) {
      }
      if (answered)
        killed.listen_until(clock_type::now() + moment(0.5, 20), hear);
    }
    const int status = killed.kill();
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
      throw contradiction{"the writer ended by itself, with status " + std::to_string(status)};
    killed.hear_the_rest(hear);
    counts_.kills_before_opening += opened ? 0 : 1;
  }

  /// Some carts are as the last run left them, some are new.
  std::uint32_t first_cart() const { return highest_cart_ > 24 ? highest_cart_ - 24 : 0; }

  cairn::runtime open() {
    auto opened = cairn::runtime::open({.storage = cairn::lmdb{.directory = directory_,
                                                               .map_bytes = std::size_t{4} << 30,
                                                               .flush_interval_events = 1000}});
    if (!opened)
      fail(opened.error());
    return *std::move(opened);
  }

  /// What the kill left on disk is the fold up to its checkpoint, and becomes that of the whole.
  template <bool Inlined>
  void check_projection(cairn::runtime& runtime) {
    using sheet = tally_of_carts<Inlined>;
    const auto lies =
        std::filesystem::path{directory_} / "projections" / std::string{sheet::name} / "1" / "1";
    cairn::position kept;
    if (std::filesystem::exists(lies / "tables.mdb")) {
      const auto left = cairn::table_store::open_for_reading({.directory = lies});
      if (!left)
        fail(left.error());
      kept = check_rows<sheet>(runtime.journal(), (*left)->read());
    }
    const auto opened = runtime.project<sheet>(projection_options_of(Inlined, random_()));
    if (!opened)
      fail(opened.error());
    const auto head = runtime.journal().last_position();
    if (const auto reached = opened->wait_for(head); !reached)
      fail(reached.error());
    if (check_rows<sheet>(runtime.journal(), opened->read()) != head)
      throw contradiction{std::string{sheet::name} + " did not reach the end of the journal"};
    counts_.projections_behind += head - kept;
    counts_.folded_in_parallel += opened->status().parallel_events;
  }

  template <class Sheet>
  cairn::position check_rows(const cairn::journal& events,
                             const cairn::result<cairn::table_view>& view) {
    if (!view)
      fail(view.error());
    tally_sheet found;
    std::size_t ranked = 0;
    const auto rows = view->scan(
        Sheet::carts, {}, [&](const std::string& id, const tally& row) { found.carts[id] = row; });
    const auto ranks = view->template scan_by<by_events>(
        Sheet::carts, {}, [&](std::uint64_t, const std::string&, const tally&) { ++ranked; });
    const auto all = view->scan(
        Sheet::all, {}, [&](std::uint32_t, const tally& row) { found.events += row.events; });
    if (!rows || !ranks || !all)
      fail(!rows ? rows.error() : !ranks ? ranks.error() : all.error());
    if (found
            != folds_[Sheet::name == tally_of_carts<true>::name ? 1 : 0].up_to(events,
                                                                               view->position())
        || ranked != found.carts.size())
      throw contradiction{"the rows of " + std::string{Sheet::name}
                          + " are not the fold of the journal up to position "
                          + to_string(view->position())};
    return view->position();
  }

  /// A deleted cart refuses everything, also after the crash.
  void probe_deleted(const cairn::aggregates<cart>& carts) {
    const auto& deleted = seen_.deleted();
    const std::size_t probes = std::min<std::size_t>(deleted.size(), 20);
    for (std::size_t i = 0; i < probes; ++i) {
      // The newest ones, which the crash was near to, and some others.
      const auto index = i < probes / 2 ? deleted.size() - 1 - i : random_() % deleted.size();
      const auto answer = carts.ask(cart_id(deleted[index]), modify{.events = 1}).get();
      if (!answer)
        fail(answer.error());
      if (answer->accepted() || rejection_of(*answer) != report::rejection::deleted)
        throw contradiction{"a modify of the deleted " + cart_id(deleted[index])
                            + " was not refused"};
      if (answer->version() != seen_.last_version(deleted[index]))
        throw contradiction{"the deleted " + cart_id(deleted[index]) + " is at another version"};
      ++counts_.deleted_probed;
    }
  }

  /// Who got no answer sends the command again with its id: it has its effect once.
  void send_again(const cairn::aggregates<cart>& carts) {
    for (const auto& order : seen_.unanswered()) {
      const auto durable = seen_.version_of(run_, order.id);
      const auto answer = send(carts, order, run_).get();
      if (!answer)
        fail(answer.error());
      const bool known = answer->accepted() && answer->repeated();
      if (known == durable.is_none() || (known && answer->version() != durable))
        throw contradiction{
            "command " + std::to_string(order.id) + " on " + cart_id(order.cart)
            + ", sent again, was judged anew though it was durable, or the other way"};
      ++counts_.sent_again;
      counts_.sent_again_and_known += known ? 1 : 0;
    }
  }

  [[noreturn]] static void fail(const cairn::error& why) {
    std::ostringstream text;
    text << why;
    throw contradiction{text.str()};
  }

  std::string program_;
  std::string directory_;
  std::mt19937_64 random_;
  std::uint64_t run_ = 0;
  std::uint32_t highest_cart_ = 0;
  acknowledged_log seen_;
  counts counts_;
  fold folds_[2]; // of the projection behind the log, and of the inline one
};

} // namespace

int main(int argc, char** argv) {
  std::uint64_t kills = test::scaled(60, 1'000);
  std::uint64_t seed = test::fresh_seed();
  std::filesystem::path program = CRASH_WRITER;
  test::command_line options{"Kills a writing process again and again and checks what it leaves."};
  options.add("--kills", kills, "How many times");
  options.add("--seed", seed, "Repeats a run, as far as threads allow");
  options.add("--writer", program, "The program to kill");
  options.parse(argc, argv);

  std::cout << "seed " << seed << std::endl;
  const test::temporary_directory directory;
  kill_loop loop{program.string(), (directory / "journal").string(), seed};
  try {
    for (std::uint64_t i = 0; i < kills; ++i)
      loop.once();
    loop.at_the_end();
  } catch (const contradiction& found) {
    loop.print();
    std::cout << "FAILED: " << found.what() << '\n';
    return 1;
  }
  loop.print();
  std::cout << "nothing lost, nothing after a deletion\n";
}
