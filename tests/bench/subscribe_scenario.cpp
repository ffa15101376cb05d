#include "session.hpp"

#include "counter.hpp"
#include "failure.hpp"
#include "load.hpp"
#include "raw_lmdb.hpp"
#include "rounds.hpp"
#include "stream_filler.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <time.h>

namespace bench {
namespace {

constexpr std::size_t depth = 10;

/// What a reader does with each event: it looks at the payload, in place.
struct reading {
  void see(const cairn::event_view& event) {
    if (event.type() == cairn::type_id_of<added>())
      bytes += event.payload().getAs<Added>().getPayload().size();
    ++events;
  }
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
};

/// Of the calling thread: what a reader costs even while other programs take their share.
std::chrono::duration<double> processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

void check(const reading& done, std::uint64_t events) {
  if (done.events != events || done.bytes == 0)
    throw failure{"a reader saw " + std::to_string(done.events) + " of " + std::to_string(events)
                  + " events"};
}

measured pull(cairn::runtime& runtime, std::uint64_t events) {
  reading done;
  const auto begin = clock::now();
  auto feed = need(runtime.follow(cairn::event_selection::all()), "a feed");
  while (done.events < events) {
    const auto went = feed.next([&](const cairn::event_view& event) {
      done.see(event);
      return cairn::visit_result::proceed;
    });
    need(went, "following");
  }
  check(done, events);
  return {events, clock::now() - begin};
}

/// Subscribes `handler`, which says when it has seen the last event, and waits for that.
template <class Subscribe>
measured push(std::uint64_t events, Subscribe subscribe) {
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  std::uint64_t seen = 0; // the handler's
  const auto begin = clock::now();
  auto subscription = need(subscribe([&] {
                             if (++seen < events)
                               return;
                             const std::lock_guard lock{mutex};
                             over = true;
                             changed.notify_one();
                           }),
                           "a subscription");
  std::unique_lock lock{mutex};
  changed.wait(lock, [&] { return over; });
  return {events, clock::now() - begin};
}

measured push_views(cairn::runtime& runtime, std::uint64_t events) {
  reading done;
  return push(events, [&](auto one_more) {
    return runtime.subscribe(cairn::event_selection::all(),
                             [&done, one_more](const cairn::event_view& event) {
                               done.see(event);
                               one_more();
                             });
  });
}

measured push_readers(cairn::runtime& runtime, std::uint64_t events) {
  std::uint64_t bytes = 0;
  return push(events, [&](auto one_more) {
    return need(runtime.host<counter>(), "hosting")
        .subscribe([&bytes, one_more](const cairn::event_info&, Added::Reader event) {
          bytes += event.getPayload().size();
          one_more();
        });
  });
}

/// The journal alone: in the read transaction, without the copy.
measured replay(cairn::runtime& runtime, std::uint64_t events) {
  reading done;
  const auto begin = clock::now();
  const auto last =
      runtime.journal().replay_all(cairn::position{1}, [&](const cairn::event_view& event) {
        done.see(event);
        return cairn::visit_result::proceed;
      });
  need(last, "a replay");
  check(done, events);
  return {events, clock::now() - begin};
}

/// Runs `work` on the journal opened by a runtime, after going over it once unmeasured.
template <class Work>
measured warm(const std::filesystem::path& directory, std::uint64_t events, Work work) {
  auto runtime = open_runtime(directory);
  replay(runtime, events);
  const auto took = work(runtime, events);
  need(runtime.close(), "closing the runtime");
  return took;
}

measured scan_warm(const std::filesystem::path& directory, std::uint64_t events) {
  raw_reader reader{directory};
  reader.scan_tail(events);
  return reader.scan_tail(events);
}

} // namespace

report run_subscribe(session& at) {
  const auto wanted = std::max<std::uint64_t>(depth, at.asked.events.value_or(2'000'000));
  const auto payload = at.asked.payload.value_or(192);
  const auto streams = streams_of(wanted / depth);
  const std::uint64_t events = streams.size() * depth;
  const scratch_directory home{at.directory, "subscribe"};
  fill_scattered(home.path(), streams, depth, payload);

  report made{.scenario = "subscribe"};
  made.what =
      "one reader follows a whole log that is in cache, by pull, and decodes each record in "
      "place; ceiling: a bare LMDB cursor over the same log, one word a record";
  made.target = "2,000,000 per second";
  made.options = {{"events", events}, {"payload", payload}};
  std::chrono::duration<double> processor{0};
  const auto pull_and_count = [&](cairn::runtime& runtime, std::uint64_t all) {
    const auto before = processor_time();
    const auto took = pull(runtime, all);
    processor = processor_time() - before;
    return took;
  };
  const auto found = alternate([&] { return warm(home.path(), events, pull_and_count); },
                               [&] { return scan_warm(home.path(), events); });
  made.rate_per_s = found.own;
  made.set_ceiling(found.ceiling);
  made.details["processor_ns_per_event"] = 1e9 * processor.count() / static_cast<double>(events);
  made.details["pushed_views_per_s"] = warm(home.path(), events, push_views).per_second();
  made.details["pushed_readers_per_s"] = warm(home.path(), events, push_readers).per_second();
  made.details["replay_all_per_s"] = warm(home.path(), events, replay).per_second();
  raw_reader reader{home.path()};
  reader.scan_tail(events);
  made.details["ceiling_every_word_per_s"] =
      reader.scan_tail(events, raw_reader::touch::every_word).per_second();
  return made;
}

} // namespace bench
