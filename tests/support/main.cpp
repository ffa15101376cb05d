// The main function of every doctest program. If the program dies of a signal, it names the test
// case; doctest's own handler, which walks its data structures, may die in turn. If the program
// takes more than CAIRN_TEST_WATCHDOG_SECONDS, it names the test case that hangs, and aborts: ctest
// would say only which program hung. Without the variable there is no bound.
//
// By a signal and not by a thread: tests fork, and ThreadSanitizer forbids threads to the child of
// a process that had several.

#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>

#include <unistd.h>

namespace {

std::deque<std::string> names; ///< Of all test cases so far: a signal may come at any time.
std::atomic<const std::string*> running{nullptr};

void set_running(const std::string& name) {
  names.push_back("TEST CASE:  " + name + '\n');
  running = &names.back();
}

/// Does only what a handler of signals may.
void say(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

/// Is called once: then the signal has its default effect.
void name_what_died(int signal) {
  say(*running.load());
  say(signal == SIGALRM ? "FAILED: hangs, for CAIRN_TEST_WATCHDOG_SECONDS\n"
                        : "FAILED: ended by a signal\n");
  std::signal(SIGABRT, SIG_DFL);
  if (signal == SIGALRM)
    std::abort();
  ::raise(signal);
}

/// Unless somebody handles it already, as sanitizers do, who know more.
void handle(int signal) {
  struct sigaction now {};
  ::sigaction(signal, nullptr, &now);
  if (now.sa_handler != SIG_DFL)
    return;
  now.sa_handler = name_what_died;
  now.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(signal, &now, nullptr);
}

struct watch : doctest::IReporter {
  explicit watch(const doctest::ContextOptions&) {}

  void test_case_start(const doctest::TestCaseData& begun) override {
    set_running(std::string{begun.m_name} + " (" + begun.m_file.c_str() + ')');
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    set_running("between two test cases");
  }
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

DOCTEST_REGISTER_LISTENER("watch", 1, watch);

} // namespace

int main(int argc, char** argv) {
  set_running("none has begun");
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    handle(signal);
  if (const char* seconds = std::getenv("CAIRN_TEST_WATCHDOG_SECONDS")) {
    handle(SIGALRM);
    ::alarm(static_cast<unsigned>(std::max(0, std::atoi(seconds))));
  }
  const int status = doctest::Context{argc, argv}.run();
  ::alarm(0);
  return status;
}
