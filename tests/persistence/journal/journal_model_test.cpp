// Both journals against a model: whatever is asked of them, in whatever order, they answer as a few
// lists would.

#include "journal_fixture.hpp"
#include "literals.hpp"
#include "memory.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>

using namespace cairn;
using namespace cairn::test;

namespace {

constexpr std::uint64_t streams = 5;

/// Something to do, in small numbers: so that a failing sequence shrinks to a short one.
struct step {
  std::uint8_t what, a, b, c;
};

std::ostream& operator<<(std::ostream& out, const step& one) {
  return out << '{' << one.what % 10 << ", " << +one.a << ", " << +one.b << ", " << +one.c << '}';
}

stream_id stream_number(std::uint64_t number) {
  return stream("s" + std::to_string(number % streams));
}

expected_version demand(std::uint8_t kind, version actual) {
  switch (kind % 5) {
    case 0: return expected_version::any();
    case 1: return expected_version::none();
    case 2: return expected_version::exists();
    case 3: return expected_version::exact(actual);
    default: return expected_version::exact(version{kind % 7U});
  }
}

/// What a journal is, said by lists.
struct model {
  std::vector<seen_event> log; // by position
  std::map<std::uint64_t, std::vector<seen_event>> of;
  std::map<std::uint64_t, std::pair<cairn::version, std::uint64_t>> kept; // and the sum

  cairn::version version_of(std::uint64_t stream) { return version{of[stream].size()}; }

  position next_position() const { return position{log.size() + 1}; }

  /// What an append leads to, and its effect.
  result<commit> append(std::uint64_t stream, expected_version expected, std::size_t count,
                        std::uint64_t first_number) {
    auto& events = of[stream];
    if (!expected.admits(version_of(stream)))
      return error{errc::version_conflict, ""}.with_version(version_of(stream));
    const commit landed{next_position(), version_of(stream) + 1, count};
    for (std::uint64_t number = first_number; number < first_number + count; ++number) {
      log.push_back({next_position(), version_of(stream) + 1, number});
      events.push_back(log.back());
    }
    return landed;
  }

  void keep(std::uint64_t stream, cairn::version version, std::uint64_t sum) {
    if (version == 0_ver || version > version_of(stream))
      return;
    const auto known = kept.find(stream);
    if (known == kept.end() || known->second.first <= version)
      kept[stream] = {version, sum};
  }
};

bool agree(const result<commit>& left, const result<commit>& right) {
  if (left.has_value() != right.has_value())
    return false;
  return left ? *left == *right
              : left.error().code() == right.error().code()
                    && left.error().version() == right.error().version();
}

class journal_under_test {
public:
  explicit journal_under_test(bool on_disk) : on_disk_{on_disk}, where_{directory_ / "0"} {
    open();
  }

  void take(const step& next) {
    switch (next.what % 10) {
      case 0:
      case 1: append(next); break;
      case 2: append_many(next); break;
      case 3: keep(next); break;
      case 4: replay(next); break;
      case 5: replay_all(next); break;
      case 6: look(next.a % streams); break;
      case 7: reopen(); break;
      case 8: crash(); break;
      default: verify(); break;
    }
  }

  void look_at_all() {
    RC_ASSERT(all_events(*journal_) == model_.log);
    for (std::uint64_t stream = 0; stream < streams; ++stream)
      look(stream);
  }

private:
  void open() {
    journal_ = on_disk_ ? must(open_lmdb_journal(small_options(where_))) : make_memory_journal();
  }

  void append(const step& next) {
    const auto id = stream_number(next.a);
    const auto stream = next.a % streams;
    const auto expected = demand(next.b, model_.version_of(stream));
    const std::size_t count = 1 + next.c % 3;
    const auto got = journal_->append(id, expected, notes(id, number_, count));
    RC_ASSERT(agree(got, model_.append(stream, expected, count, number_)));
    number_ += count;
  }

  /// Several appends on their way at the same time.
  void append_many(const step& next) {
    struct collector final : append_listener {
      void on_completed(std::vector<std::unique_ptr<append_operation>> done) noexcept override {
        for (auto& one : done)
          operations.push_back(std::move(one));
      }
      std::vector<std::unique_ptr<append_operation>> operations;
    } collected;
    std::vector<stream_id> ids;
    for (std::uint64_t stream = 0; stream < streams; ++stream)
      ids.push_back(stream_number(stream));
    std::vector<result<commit>> wanted;
    for (std::uint64_t i = 0; i < 2U + next.c % 8; ++i) {
      const auto stream = (next.a + i * next.b) % streams;
      const auto expected =
          demand(static_cast<std::uint8_t>(next.b + i), model_.version_of(stream));
      auto one = std::make_unique<append_operation>(ids[stream], expected, collected);
      one->events = notes(ids[stream], number_);
      wanted.push_back(model_.append(stream, expected, 1, number_++));
      journal_->submit(std::move(one));
    }
    barrier(*journal_, ids[0]);
    RC_ASSERT(collected.operations.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i)
      RC_ASSERT(agree(*collected.operations[i]->outcome, wanted[i]));
  }

  void keep(const step& next) {
    const auto stream = next.a % streams;
    const auto known = model_.version_of(stream);
    const cairn::version version{next.b % (known.number() + 2)};
    if (version == 0_ver)
      return;
    const auto position = version <= known ? model_.of[stream][version.number() - 1].position
                                           : model_.next_position();
    journal_->submit_snapshot(tally(stream_number(stream), {version, position}, next.c));
    barrier(*journal_, stream_number(stream));
    model_.keep(stream, version, next.c);
  }

  void replay(const step& next) {
    const auto stream = next.a % streams;
    const auto known = model_.version_of(stream).number();
    const auto from = 1_ver + next.b % (known + 2);
    const auto to = 0_ver + next.c % (known + 3);
    std::vector<seen_event> wanted;
    for (const auto& event : model_.of[stream])
      if (event.version >= from && event.version <= to)
        wanted.push_back(event);
    RC_ASSERT(events_of(*journal_, stream_number(stream), from, to) == wanted);
  }

  void replay_all(const step& next) {
    const auto from = 1_pos + next.b % (model_.log.size() + 2);
    std::vector<seen_event> wanted;
    for (const auto& event : model_.log)
      if (event.position >= from)
        wanted.push_back(event);
    RC_ASSERT(all_events(*journal_, from) == wanted);
  }

  void look(std::uint64_t stream) {
    const auto& events = model_.of[stream];
    const stream_head head =
        events.empty() ? stream_head{} : stream_head{events.back().version, events.back().position};
    RC_ASSERT(must(journal_->head(stream_number(stream))) == head);
    RC_ASSERT(journal_->last_position() + 1 == model_.next_position());
    const auto kept = model_.kept.find(stream);
    RC_ASSERT(kept_tally(*journal_, stream_number(stream))
              == (kept == model_.kept.end() ? std::nullopt : std::optional{kept->second.second}));
  }

  void reopen() {
    if (!on_disk_)
      return;
    must(journal_->close());
    open();
    RC_ASSERT(journal_->status().replayed_at_open == 0U);
  }

  /// Goes on with what a crash would leave.
  void crash() {
    if (!on_disk_)
      return;
    const auto next = directory_ / std::to_string(++crashes_);
    std::filesystem::create_directory(next);
    std::filesystem::permissions(next, std::filesystem::perms::owner_all);
    std::filesystem::copy_file(where_ / "journal.mdb", next / "journal.mdb");
    journal_.reset();
    where_ = next;
    open();
  }

  void verify() {
    if (!on_disk_)
      return;
    must(journal_->close());
    const auto sound = must(verify_lmdb_journal(small_options(where_)));
    RC_ASSERT(sound.events == model_.log.size());
    RC_ASSERT(sound.snapshots == model_.kept.size());
    RC_ASSERT(sound.damaged_snapshots == 0U);
    open();
  }

  const bool on_disk_;
  const ::test::temporary_directory directory_{::test::memory_directory()};
  std::filesystem::path where_;
  int crashes_ = 0;
  std::uint64_t number_ = 1;
  model model_;
  std::unique_ptr<journal> journal_;
};

void do_all(const std::vector<step>& steps, bool on_disk) {
  journal_under_test one{on_disk};
  for (const step& next : steps)
    one.take(next);
  one.look_at_all();
}

} // namespace

template <>
struct rc::Arbitrary<step> {
  static Gen<step> arbitrary() {
    return gen::build<step>(gen::set(&step::what), gen::set(&step::a), gen::set(&step::b),
                            gen::set(&step::c));
  }
};

// rapidcheck prints the seed before its first property; RC_PARAMS="seed=..." repeats a run.

TEST_CASE("the journal in memory answers as its model does, whatever is done to it") {
  CHECK(rc::check("in memory", [](const std::vector<step>& steps) { do_all(steps, false); }));
}

TEST_CASE("the journal on LMDB answers as its model does, reopened and crashed at any moment") {
  CHECK(rc::check("on LMDB", [](const std::vector<step>& steps) { do_all(steps, true); }));
}
