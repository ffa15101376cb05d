// Every function of the public interface at every place where a function of the application runs:
// it works, or the program stops with one sentence that names both.
//
//     cairn-test-user-code-matrix                          each combination in a child process
//     cairn-test-user-code-matrix --list
//     cairn-test-user-code-matrix --one CALL PLACE         one of them, in this process
//     cairn-test-user-code-matrix --at-once CALL PLACE     the same by eight threads at once
//
// The last two need a journal that `--prepare DIRECTORY` has made, in CAIRN_TEST_JOURNAL.

#include "world.hpp"

#include "scale.hpp"
#include "temporary_directory.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace test;
using clock_type = std::chrono::steady_clock;

constexpr int threads_at_once = 8;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::chrono::seconds patience{120};
#else
constexpr std::chrono::seconds patience{30};
#endif

// --- One combination, in a process of its own ----------------------------------------------------

bool stops(const call& what, const place& where) {
  return what.sentence || where.is.find_first_of(what.stops_in) != std::string_view::npos;
}

/// Ends the program well if the runtime still does its work.
void end(world& in, const call& what) {
  if (!what.ends_the_world) {
    if (const auto reply = in.put("alive").get(); !reply) {
      std::cerr << "afterwards a command failed: " << reply.error() << '\n';
      std::_Exit(3);
    }
    if (const auto closed = in.runtime->close(); !closed) {
      std::cerr << "afterwards closing failed: " << closed.error() << '\n';
      std::_Exit(3);
    }
  }
  std::_Exit(0);
}

struct at_exit {
  world& in;
  const call& what;
  ~at_exit() {
    what.make(in);
    end(in, what);
  }
};

int run_one(const call& what, const place& where, int times) {
  auto& in = *new world{where.wanted, stops(what, where), std::getenv("CAIRN_TEST_JOURNAL")};
  in.at_once = times > 1;
  if (!where.run) {
    static const at_exit last{in, what};
    std::exit(0);
  }
  if (where.is.find_first_of("TEK") != std::string_view::npos
      && std::string_view{where.name}.starts_with("reading"))
    (void)in.reading_desks(); // opening it is not the place
  const std::function<void()> make = [&] {
    what.make(in);
    in.returned();
  };
  hooked.arm(where.hooked_at, make, times);
  std::vector<std::thread> threads;
  for (int number = 1; number < times; ++number)
    threads.emplace_back([&, number] { where.run(in, make, number); });
  where.run(in, make, 0);
  for (auto& each : threads)
    each.join();
  in.wait_until_returned(1);
  end(in, what);
  return 0;
}

/// A journal with what the world expects of one.
int prepare(const char* directory) {
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory}}).value();
  const auto desks = runtime.host<desk>().value();
  for (const char* id : {"a", "b"})
    (void)desks.ask(id, put_note{.text = "x"}).get().value();
  return runtime.close() ? 0 : 1;
}

// --- All of them, in children --------------------------------------------------------------------

struct job {
  const call* what;
  const place* where;
  bool at_once;
};

struct child {
  job of{};
  pid_t pid = -1;
  int output = -1;
  clock_type::time_point deadline;
  std::string text = {};
};

child start(const job& of) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  std::string mode = of.at_once ? "--at-once" : "--one";
  std::string program = "cairn-test-user-code", what = of.what->name, where = of.where->name;
  char* const arguments[] = {program.data(), mode.data(), what.data(), where.data(), nullptr};
  child made{.of = of, .deadline = clock_type::now() + patience};
  if (posix_spawn(&made.pid, "/proc/self/exe", &actions, nullptr, arguments, environ) != 0)
    std::abort();
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  made.output = ends[0];
  return made;
}

enum class outcome { works, stopped, hung, crashed };

const char* to_string(outcome what) {
  constexpr const char* names[] = {"works", "stopped with the sentence", "hung",
                                   "ended without a sentence"};
  return names[static_cast<int>(what)];
}

/// The sentence by which the program is to stop; what it is called there if it is to work.
std::string sentence(const job& of) {
  if (of.what->sentence)
    return of.what->sentence;
  return std::string{"cairn: "} + (of.what->called ? of.what->called : of.what->name)
         + " was called within " + of.where->text + ", where it could wait for ever\n";
}

outcome judge(const child& ended, int status, bool killed) {
  if (killed)
    return outcome::hung;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return outcome::works;
  const bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  const auto found = ended.text.find(sentence(ended.of));
  const bool once =
      found != std::string::npos && ended.text.find("cairn: ", found + 1) == std::string::npos;
  return aborted && once ? outcome::stopped : outcome::crashed;
}

class matrix {
public:
  void add(const job& next) { waiting_.push_back(next); }

  /// Whether each did what it should.
  bool run() {
    const auto most = std::max(2U, std::thread::hardware_concurrency()) + 1;
    std::size_t next = 0;
    while (next < waiting_.size() || !running_.empty()) {
      while (next < waiting_.size() && running_.size() < most)
        running_.push_back(start(waiting_[next++]));
      read_some();
    }
    for (const auto& [what, count] : counts_)
      std::cout << count << ' ' << to_string(what) << ", ";
    std::cout << failures_ << " not as the table says\n";
    return failures_ == 0;
  }

private:
  void read_some() {
    std::vector<pollfd> files;
    for (const auto& each : running_)
      files.push_back({each.output, POLLIN, 0});
    poll(files.data(), files.size(), 200);
    const auto now = clock_type::now();
    for (std::size_t i = running_.size(); i > 0; --i) {
      auto& each = running_[i - 1];
      bool over = false;
      if (files[i - 1].revents != 0) {
        char buffer[4096];
        const auto count = read(each.output, buffer, sizeof buffer);
        if (count > 0)
          each.text.append(buffer, static_cast<std::size_t>(count));
        over = count <= 0;
      }
      const bool late = now > each.deadline;
      if (!over && !late)
        continue;
      if (late)
        kill(each.pid, SIGKILL);
      int status = 0;
      waitpid(each.pid, &status, 0);
      close(each.output);
      note(each, judge(each, status, late));
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
  }

  void note(const child& ended, outcome came) {
    ++counts_[came];
    const auto expected =
        stops(*ended.of.what, *ended.of.where) ? outcome::stopped : outcome::works;
    if (came == expected)
      return;
    ++failures_;
    std::cout << "FAILED: " << ended.of.what->name << " at " << ended.of.where->name
              << (ended.of.at_once ? ", all at once" : "") << ": " << to_string(came)
              << ", expected: " << to_string(expected) << '\n'
              << ended.text << std::flush;
  }

  std::vector<job> waiting_;
  std::vector<child> running_;
  std::map<outcome, int> counts_;
  int failures_ = 0;
};

const call* find_call(const char* name) {
  for (const auto& each : all_calls())
    if (std::strcmp(each.name, name) == 0)
      return &each;
  return nullptr;
}

const place* find_place(const char* name) {
  for (const auto& each : all_places())
    if (std::strcmp(each.name, name) == 0)
      return &each;
  return nullptr;
}

/// Whether the call is about what the place belongs to: where a hang is likeliest.
bool is_own(const call& what, const place& where) {
  const std::string_view name = what.name;
  return (where.is == "H" && name.starts_with("subscription"))
         || (where.is == "D" && name.starts_with("durable_subscription"))
         || (where.is == "P" && name.starts_with("projection"));
}

int run_all() {
  const test::temporary_directory journal;
  setenv("CAIRN_TEST_JOURNAL", journal.path().c_str(), 1);
  if (prepare(journal.path().c_str()) != 0)
    return 1;
  matrix all;
  // Reduced: of the places in turn every eleventh, so that each call comes to others, and those
  // that the call is about.
  const bool full = scaled(0, 1) == 1;
  const auto share = scaled(11, 1);
  std::size_t number = 0;
  for (const auto& what : all_calls()) {
    for (const auto& where : all_places())
      if (++number % share == 0 || is_own(what, where))
        all.add({&what, &where, false});
    for (const auto& where : all_places())
      if (full && where.run && !stops(what, where) && !what.ends_the_world)
        all.add({&what, &where, true});
  }
  return all.run() ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--list") {
    for (const auto& each : all_calls())
      std::cout << each.name << '\n';
    for (const auto& each : all_places())
      std::cout << "at " << each.name << '\n';
    return 0;
  }
  if (argc == 1)
    return run_all();
  if (mode == "--prepare" && argc == 3)
    return prepare(argv[2]);
  const auto* const what = argc == 4 ? find_call(argv[2]) : nullptr;
  const auto* const where = argc == 4 ? find_place(argv[3]) : nullptr;
  if (!what || !where) {
    std::cerr << "see --list\n";
    return 2;
  }
  return run_one(*what, *where, mode == "--at-once" ? threads_at_once : 1);
}
