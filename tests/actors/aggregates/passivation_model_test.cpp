// Aggregates come and go; nobody may notice. Sequences of commands, queries, single steps of the
// actors, passing time and slow appends, against a model that knows no passivation: a balance each.

#include "engine_fixture.hpp"

#include <rapidcheck.h>

#include <array>
#include <optional>
#include <vector>

using namespace test;

namespace {

constexpr std::size_t accounts_used = 32;
constexpr std::size_t most_resident = 4; // far fewer than are used
// As `runtime_options::max_resident` has it.
constexpr std::size_t refused_from = most_resident + most_resident / 4 + 16;
static_assert(accounts_used > refused_from);

std::uint64_t refusals = 0; // of all runs

struct step {
  std::uint8_t what, a, b;
};

std::ostream& operator<<(std::ostream& out, const step& one) {
  return out << '{' << one.what % 10 << ", " << +one.a << ", " << +one.b << '}';
}

class engine_under_test {
public:
  engine_under_test()
    : engine_{journal_, {.max_resident = most_resident, .max_concurrent_rehydrations = 2}},
      accounts_{engine_.host<account>({.snapshot_every = 3, .idle_timeout = 10s})} {}

  ~engine_under_test() { settle(); }
  engine_under_test(const engine_under_test&) = delete;
  engine_under_test& operator=(const engine_under_test&) = delete;

  void take(const step& next) {
    switch (next.what % 10) {
      case 0:
      case 1: ask(next); break;
      case 2: ask_many(next); break;
      case 3: query(next.a % accounts_used); break;
      case 4:
      case 5: run_some(next.b); break;
      case 6: engine_.pass_time_only(std::chrono::seconds{next.b % 16}); break;
      case 7: engine_.pass(std::chrono::seconds{next.b % 16}); break;
      case 8: journal_.hold(); break;
      default: release(next.b); break;
    }
    RC_ASSERT(engine_.figures().resident <= refused_from);
  }

  /// Everybody has been answered, and the balances are those of the model; also when all have left
  /// memory and come back.
  void check() {
    settle();
    for (auto& call : commands_) {
      RC_ASSERT(call.answer.ready());
      const auto answer = call.answer.get();
      RC_ASSERT(answer.has_value());
      RC_ASSERT(answer->accepted());
      RC_ASSERT(answer->version() == call.version);
    }
    for (auto& call : queries_) {
      RC_ASSERT(call.answer.ready());
      const auto answer = call.answer.get();
      RC_ASSERT(answer.has_value());
      RC_ASSERT(*answer == call.balance);
    }
    engine_.passivate_idle();
    const auto figures = engine_.figures();
    RC_ASSERT(figures.resident == 0U);
    RC_ASSERT(figures.resident_bytes == 0U);
    RC_ASSERT(figures.outstanding == 0U);
    for (std::size_t i = 0; i < accounts_used; ++i)
      RC_ASSERT(engine_.finish(balance_of(accounts_, name(i))).value() == balances_[i]);
  }

private:
  static std::string name(std::size_t number) { return "a" + std::to_string(number); }

  /// Whether the call was refused at once, because too many aggregates are in memory.
  template <class T>
  bool overloaded(cairn::future<T>& call) const {
    if (!call.ready())
      return false;
    auto answer = call.get();
    const bool refused = !answer && answer.error().code() == cairn::errc::overloaded;
    RC_ASSERT(refused); // nothing else is known before an actor has run
    RC_ASSERT(engine_.figures().resident == refused_from);
    ++refusals;
    return true;
  }

  void ask(const step& next) {
    const auto which = next.a % accounts_used;
    auto answer = accounts_.ask(name(which), put(1U + next.b));
    if (overloaded(answer))
      return;
    balances_[which] += 1U + next.b;
    commands_.push_back({std::move(answer), ++versions_[which]});
  }

  void ask_many(const step& next) {
    for (std::uint8_t i = 0; i < next.b % 16; ++i)
      ask({next.what, static_cast<std::uint8_t>(next.a + i), next.b});
  }

  void query(std::size_t which) {
    auto answer = balance_of(accounts_, name(which));
    if (!overloaded(answer))
      queries_.push_back({std::move(answer), balances_[which]});
  }

  void run_some(std::uint8_t steps) {
    for (int i = 0; i < 1 + steps % 12 && engine_.run_once(); ++i) {
    }
  }

  void release(std::uint8_t how) {
    if (how % 3 == 0) {
      journal_.stop_holding();
      journal_.release_all();
    } else if (journal_.held() > 0) {
      journal_.release_one();
    }
  }

  void settle() {
    journal_.stop_holding();
    journal_.release_all();
    engine_.run();
  }

  struct sent_command {
    cairn::future<cairn::reply> answer;
    cairn::version version;
  };
  struct sent_query {
    cairn::future<std::uint64_t> answer;
    std::uint64_t balance;
  };

  scripted_journal journal_;
  test_engine engine_;
  cairn::aggregates<account> accounts_;
  std::array<std::uint64_t, accounts_used> balances_{};
  std::array<cairn::version, accounts_used> versions_{};
  std::vector<sent_command> commands_;
  std::vector<sent_query> queries_;
};

} // namespace

template <>
struct rc::Arbitrary<step> {
  static Gen<step> arbitrary() {
    return gen::build<step>(gen::set(&step::what), gen::set(&step::a), gen::set(&step::b));
  }
};

// rapidcheck prints the seed before its first property; RC_PARAMS="seed=..." repeats a run.

TEST_CASE("aggregates that leave memory at any moment answer as if they had stayed") {
  CHECK(rc::check("passivation", [](const std::vector<step>& steps) {
    engine_under_test one;
    for (const step& next : steps)
      one.take(next);
    one.check();
  }));
  MESSAGE(refusals << " requests refused, as there were too many aggregates");
  CHECK(refusals > 0);
}
