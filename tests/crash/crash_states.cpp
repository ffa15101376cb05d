// Records every write and sync of a journal at work, builds what a power cut may have left on the
// disk at each moment, opens that, and looks whether everything that was acknowledged is there.

#include "command_line.hpp"
#include "crash_disk.hpp"
#include "memory.hpp"
#include "sample.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace crash;

namespace {

/// What was recorded, and what it must lead to.
struct recording {
  io_recorder io;
  contents whole;                 ///< The journal in the end.
  std::set<std::uint64_t> bounds; ///< Last positions of appends: between them no journal ends.
};

template <class T>
T must(cairn::result<T> outcome) {
  if (!outcome)
    throw std::runtime_error{outcome.error().message()};
  return *std::move(outcome);
}
void must(const cairn::result<void>& outcome) {
  if (!outcome)
    throw std::runtime_error{outcome.error().message()};
}

/// Creates a journal, writes it from several threads, closes it and opens it again, several times.
void record(recording& into, const std::filesystem::path& directory, int sessions, int appends,
            std::uint64_t seed) {
  test::watch_io(directory, &into.io);
  std::mutex mutex;
  const auto acknowledge = [&](cairn::position position) {
    into.io.acknowledged(position.number());
  };
  into.bounds.insert(0);
  for (int session = 0; session < sessions; ++session) {
    const auto journal = must(cairn::open_lmdb_journal(sample_options(directory)));
    must(declare_sample_schemas(*journal, journal->status().epoch));
    std::vector<std::thread> clients;
    for (std::uint64_t client = 0; client < 3; ++client)
      clients.emplace_back([&, writer = sample_writer{*journal, seed++, acknowledge}]() mutable {
        for (int i = 0; i < appends; ++i) {
          const auto position = writer.append();
          if (!position)
            std::terminate();
          const std::lock_guard lock{mutex};
          into.bounds.insert(position->number());
        }
      });
    for (auto& client : clients)
      client.join();
    must(journal->close());
  }
  test::watch_io({}, nullptr);
  into.whole =
      must(contents_of(*must(cairn::open_lmdb_journal_for_reading(sample_options(directory)))));
}

/// Different states, in the order of their points: at each point nothing and everything, and then
/// others at random points until there are so many.
std::vector<crash_state> choose_states(const std::vector<io_event>& events, std::size_t wanted,
                                       std::mt19937_64& random) {
  using mode = crash_disk::mode;
  std::set<crash_state> seen;
  const std::size_t rounds = 2 + 20 * wanted / events.size();
  for (std::size_t round = 0; round < rounds && seen.size() < wanted; ++round) {
    crash_disk disk{events};
    for (std::size_t point = 0; point <= events.size() && seen.size() < wanted; ++point) {
      disk.advance(point);
      if (round == 0) {
        seen.insert(disk.draw(mode::nothing, random));
        seen.insert(disk.draw(mode::everything, random));
      } else {
        seen.insert(disk.draw(random() % 3 == 0 ? mode::prefix : mode::subset, random));
      }
    }
  }
  std::vector<crash_state> chosen{seen.begin(), seen.end()};
  std::sort(chosen.begin(), chosen.end(),
            [](const auto& left, const auto& right) { return left.point < right.point; });
  return chosen;
}

/// Whether `part` is the first of `whole`, or all of it.
bool begins_with(const std::vector<std::uint64_t>& whole, const std::vector<std::uint64_t>& part) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

/// Opens what the cut left; returns what is wrong with it, if anything.
std::string look(const recording& recorded, const crash_disk& disk,
                 const std::filesystem::path& directory) {
  const auto acknowledged = disk.acknowledged();
  std::ostringstream wrong;
  const auto options = sample_options(directory);
  if (!std::filesystem::exists(directory / "journal.mdb")) {
    if (acknowledged > 0)
      return "there is no journal";
  } else if (const auto sound = cairn::verify_lmdb_journal(options); !sound) {
    wrong << sound.error();
    return wrong.str();
  } else if (sound->damaged_snapshots > 0 || sound->unfinished_commit) {
    return "there are damaged snapshots, or half a commit";
  }
  const auto journal = cairn::open_lmdb_journal(options);
  if (!journal) {
    wrong << journal.error();
    return wrong.str();
  }
  const auto found = contents_of(**journal);
  if (!found) {
    wrong << found.error();
    return wrong.str();
  }
  const std::uint64_t last = found->log.size() - 1;
  if (last < acknowledged)
    wrong << "the journal ends at position " << last << ", and " << acknowledged
          << " was acknowledged";
  else if (last >= recorded.whole.log.size() || found->log[last] != recorded.whole.log[last])
    wrong << "the events up to " << last << " are not those that were written";
  else if (recorded.bounds.count(last) == 0)
    wrong << "the append that reaches beyond position " << last << " is there in part";
  else if (found->replayed != last)
    wrong << "the streams have " << found->replayed << " events, the log " << last;
  else if (found->mistaken > 0)
    wrong << found->mistaken << " tags or keys are not those of the log";
  else if (found->schemas.size() < found->epoch
           || !begins_with(recorded.whole.schemas, found->schemas))
    wrong << "there are " << found->schemas.size() << " generations of schemas in session "
          << found->epoch << ", or they are not those that were declared";
  else if (const auto next = sample_writer{**journal, 1}.append(); !next)
    wrong << "the journal takes no more events: " << next.error();
  else if (const auto closed = (*journal)->close(); !closed)
    wrong << closed.error();
  return wrong.str();
}

/// A worker's progress, seen by its parent also when it dies.
struct progress {
  std::atomic<std::size_t> next;
  std::atomic<std::size_t> failures;
  std::atomic<bool> looking; ///< At the state before `next`.
};

void report(const crash_state& state, const std::string& wrong) {
  std::ostringstream text;
  text << "  cut before event " << state.point << ", " << state.writes.size()
       << " unsynced writes and " << state.names << " names kept: " << wrong << '\n';
  std::cout << text.str() << std::flush;
}

/// Looks at every `step`-th state from where `at` stands.
void work(const recording& recorded, const std::vector<crash_state>& states, std::size_t step,
          const std::filesystem::path& directory, progress& at) {
  for (const int deadly : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL})
    std::signal(deadly, SIG_DFL); // the parent tells of it
  crash_disk disk{recorded.io.events()};
  while (at.next < states.size()) {
    const crash_state& state = states[at.next];
    at.next += step;
    disk.advance(state.point);
    disk.build(state, directory);
    ::alarm(30);
    at.looking = true;
    const auto wrong = look(recorded, disk, directory);
    at.looking = false;
    if (!wrong.empty()) {
      ++at.failures;
      report(state, wrong);
    }
  }
}

/// Lets `workers` children look at all the states; a child that dies is replaced. Returns how many
/// states were not as they must be.
std::size_t look_at_all(const recording& recorded, const std::vector<crash_state>& states,
                        std::size_t workers, const std::filesystem::path& directory) {
  auto* const shared =
      static_cast<progress*>(::mmap(nullptr, workers * sizeof(progress), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (shared == MAP_FAILED)
    throw std::runtime_error{"cannot map memory"};
  std::vector<pid_t> children(workers);
  const auto start = [&](std::size_t worker) {
    std::cout << std::flush;
    children[worker] = ::fork();
    if (children[worker] != 0)
      return;
    try {
      work(recorded, states, workers, directory / std::to_string(worker), shared[worker]);
    } catch (const std::exception& failure) {
      std::cerr << "crash-states: " << failure.what() << '\n';
      ::_exit(1);
    }
    ::_exit(0);
  };
  for (std::size_t worker = 0; worker < workers; ++worker) {
    shared[worker].next = worker;
    start(worker);
  }
  std::size_t bad = 0;
  for (std::size_t worker = 0; worker < workers; ++worker) {
    for (int status = 0;;) {
      ::waitpid(children[worker], &status, 0);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        break;
      ++bad;
      const std::size_t at = shared[worker].next - workers;
      if (!shared[worker].looking || at >= states.size())
        throw std::runtime_error{"a child could not build a state"};
      report(states[at], "the child died, with status " + std::to_string(status));
      shared[worker].looking = false;
      start(worker);
    }
    bad += shared[worker].failures;
  }
  ::munmap(shared, workers * sizeof(progress));
  return bad;
}

} // namespace

int main(int argc, char** argv) {
  std::uint64_t wanted = test::scaled(2'000, 30'000);
  std::uint64_t seed = test::fresh_seed();
  std::size_t workers = std::max(1U, std::thread::hardware_concurrency());
  test::command_line options{"Builds what a power cut may leave of a journal, and opens it."};
  options.add("--states", wanted, "How many states, all different");
  options.add("--seed", seed, "Repeats the choices");
  options.add("--workers", workers, "Processes that look at them", {.least = 1});
  options.parse(argc, argv);
  std::cout << "seed " << seed << std::endl;

  std::mt19937_64 random{seed};
  test::keep_temporary_files_in_memory(); // no state is to survive
  const test::temporary_directory directory;
  recording recorded;
  const int appends = wanted < 5'000 ? 15 : 30; // so that each point gets several states
  record(recorded, directory / "recorded", 3, appends, random());
  const auto& events = recorded.io.events();
  const auto count = [&](io_event::kind what) {
    return std::count_if(events.begin(), events.end(),
                         [&](const io_event& event) { return event.what == what; });
  };
  const auto syncs = count(io_event::kind::sync) + count(io_event::kind::sync_write)
                     + count(io_event::kind::sync_directory);
  std::cout << "recorded " << count(io_event::kind::write) << " writes, " << syncs << " syncs and "
            << count(io_event::kind::acknowledged) << " acknowledgements of "
            << recorded.whole.log.size() - 1 << " events" << std::endl;

  const auto states = choose_states(events, wanted, random);
  const auto begin = std::chrono::steady_clock::now();
  const auto bad = look_at_all(recorded, states, workers, directory.path());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::cout << states.size() << " states ("
            << static_cast<int>(static_cast<double>(states.size()) / took.count()) << "/s), " << bad
            << " of them without something that was acknowledged, or unsound\n";
  return bad == 0 && states.size() >= wanted ? 0 : 1;
}
