// Records what many clients ask of real aggregates and are told, while disks fail and the runtime
// is closed and opened again, and decides whether that can have happened one after another.

#include "clients.hpp"
#include "command_line.hpp"
#include "failing_disk.hpp"
#include "memory.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

#include <cairn/runtime.hpp>

#include <algorithm>
#include <barrier>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace histories;

namespace {

constexpr std::uint64_t window = 12;
constexpr std::uint32_t pages = 48;
constexpr std::uint64_t most_calls_before_failure = 400; // of those that change files

/// Small limits, so that every path is taken often.
cairn::runtime_options options_for(const std::filesystem::path& directory) {
  return {.storage = cairn::lmdb{.directory = directory,
                                 .map_bytes = std::size_t{4} << 30,
                                 .free_space_watermark_bytes = 0,
                                 .max_commit_events = 24,
                                 .flush_interval_events = 64},
          .threads = 2,
          .max_resident = pages / 4};
}

constexpr cairn::aggregate_options page_options{.deduplication_window = window,
                                                .snapshot_every = 5,
                                                .max_outstanding = 20,
                                                .idle_timeout = std::chrono::milliseconds{2}};

struct figures {
  std::uint64_t runs = 0, failures = 0, rehydrations = 0, passivations = 0, overloaded = 0;
  std::uint64_t contradictions = 0;

  void report(const std::string& what) {
    ++contradictions;
    std::cout << "FAILED: " << what << std::endl;
  }
};

template <class T>
T value_of(cairn::result<T> outcome, const char* doing) {
  if (!outcome)
    throw std::runtime_error{std::string{doing} + ": " + outcome.error().message()};
  return *std::move(outcome);
}

using all_clients = std::vector<std::unique_ptr<client>>;

/// Clients at work on one opening of the journal, which ends in one of three ways: its disk fails,
/// it is closed while they send, or after they have sent enough.
class run_of_runtime {
public:
  run_of_runtime(const std::filesystem::path& directory, stage& on, std::mt19937_64& random,
                 std::uint64_t most)
    : directory_{directory}, on_{on}, closes_early_{random() % 2 == 0},
      disk_{random() % 2 == 0 ? 1 + random() % most_calls_before_failure : 0,
            test::disk_failures[random() % test::disk_failures.size()].how} {
    on_.sent = 0;
    on_.most = most;
    on_.enough = on_.over = false;
  }

  void perform(all_clients& clients, figures& sum) {
    auto runtime =
        value_of(cairn::runtime::open(options_for(directory_)), "opening the journal again");
    const auto hosted = value_of(runtime.host<page>(page_options), "hosting");
    test::watch_io(directory_, &disk_);
    std::barrier all_sent{static_cast<std::ptrdiff_t>(clients.size())};
    std::vector<std::jthread> threads;
    for (auto& each : clients)
      threads.emplace_back([&, &by = *each] {
        by.send_again(hosted);
        all_sent.arrive_and_wait();
        by.run(hosted, closes_early_);
        by.drain();
      });
    on_.enough.wait(false);
    if (closes_early_)
      (void)runtime.close();
    threads.clear();
    const auto seen = runtime.status();
    (void)runtime.close(); // it says so if the disk has failed
    test::watch_io({}, nullptr);
    for (auto& each : clients)
      each->settle(on_.now.fetch_add(1));
    ++sum.runs;
    sum.failures += disk_.has_failed() ? 1 : 0;
    sum.rehydrations += seen.rehydrations;
    sum.passivations += seen.passivations;
    sum.overloaded += seen.overloaded;
  }

private:
  const std::filesystem::path& directory_;
  stage& on_;
  const bool closes_early_;
  test::failing_disk disk_;
};

/// The journal's events by page. Every position belongs to one of them.
std::vector<std::vector<durable_event>> read_pages(const cairn::runtime& runtime, figures& sum) {
  std::vector<std::vector<durable_event>> found(pages);
  cairn::position before;
  const auto read =
      runtime.journal().replay_all(cairn::position{1}, [&](const cairn::event_view& event) {
        const auto what = event.payload().getAs<Written>();
        const auto stream = event.stream();
        const auto number = std::stoul(std::string{stream.substr(stream.find('/') + 2)});
        if (event.position() != ++before || number >= pages
            || event.command_id() != cairn::message_id{1, what.getToken()})
          sum.report("event " + to_string(event.position()) + " is out of place");
        else
          found[number].push_back({event.version().number(),
                                   event.position().number(),
                                   {what.getToken(), what.getIndex(), what.getCount()}});
        return cairn::visit_result::proceed;
      });
  if (!read)
    sum.report("the journal cannot be read: " + read.error().message());
  return found;
}

/// Who was refused a key knows that another page has it; who was accepted has it.
void check_keys(const cairn::runtime& runtime, const std::vector<operation>& operations,
                figures& sum) {
  for (const auto& asked : operations) {
    const bool got = asked.told == operation::outcome::accepted;
    if (asked.what != operation::kind::claim
        || (!got && asked.told != operation::outcome::rejected))
      continue;
    const auto holder = runtime.journal().holder_of(name_of_key(asked.key));
    if (!holder || !*holder || ((*holder)->id() == page_id(asked.page)) != got)
      sum.report("the key is not another's, or not its own: " + describe(asked));
  }
}

void check(const std::filesystem::path& directory, const all_clients& clients, figures& sum) {
  const auto runtime = value_of(cairn::runtime::open(options_for(directory)), "opening at the end");
  const auto events = read_pages(runtime, sum);
  std::vector<std::vector<operation>> asked(pages);
  for (const auto& each : clients)
    for (const auto& one : each->history())
      asked[one.page].push_back(one);
  for (std::uint32_t i = 0; i < pages; ++i) {
    check_page(asked[i], events[i], {.deduplication_window = window}, [&](const std::string& what) {
      sum.report("page " + std::to_string(i) + ": " + what);
    });
    check_keys(runtime, asked[i], sum);
  }
}

void print(const all_clients& clients, const figures& sum) {
  using outcome = operation::outcome;
  std::map<outcome, std::uint64_t> told;
  std::uint64_t operations = 0;
  for (const auto& each : clients)
    for (const auto& one : each->history()) {
      ++told[one.told];
      ++operations;
    }
  std::cout << "  " << told[outcome::accepted] << " accepted, " << told[outcome::repeated]
            << " repeated, " << told[outcome::rejected] << " rejected, " << told[outcome::conflict]
            << " conflicts, " << told[outcome::answered] << " queries answered, "
            << told[outcome::nothing_written] << " failed (" << sum.overloaded << " overloaded), "
            << told[outcome::unknown] << " of unknown outcome\n"
            << "  " << sum.runs << " openings, " << sum.failures << " disks that failed, "
            << sum.rehydrations << " rehydrations, " << sum.passivations << " passivations\n"
            << operations << " operations on " << pages << " pages, " << sum.contradictions
            << " contradictions\n";
}

} // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = test::fresh_seed();
  std::uint64_t operations = test::scaled(30'000, 1'000'000);
  std::uint64_t a_run = 1'500;
  std::size_t threads = 6;
  test::command_line options{"Records histories under load and faults, and checks them."};
  options.add("--seed", seed, "Of the choices; not of the threads");
  options.add("--operations", operations, "In all");
  options.add("--run", a_run, "Operations between two openings, at most", {.least = 1});
  options.add("--clients", threads, "Threads that send", {.least = 1, .most = 64});
  options.parse(argc, argv);
  std::cout << "seed " << seed << std::endl;

  test::keep_temporary_files_in_memory();
  const test::temporary_directory place;
  const auto directory = place / "journal";
  std::mt19937_64 random{seed};
  stage on;
  on.pages = pages;
  all_clients clients;
  for (std::size_t i = 0; i < threads; ++i)
    clients.push_back(std::make_unique<client>(on, i + 1, random()));
  figures sum;
  try {
    for (std::uint64_t sent = 0; sent < operations; sent += on.sent)
      run_of_runtime{directory, on, random, 1 + random() % a_run}.perform(clients, sum);
    check(directory, clients, sum);
  } catch (const std::exception& failure) {
    sum.report(failure.what());
  }
  print(clients, sum);
  return sum.contradictions == 0 ? 0 : 1;
}
