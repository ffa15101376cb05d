#include "consumers/event_batcher.hpp"

#include <cairn/detail/deadline.hpp>

#include <algorithm>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::uint64_t events_between_looks_at_the_clock = 8; // a handler may take long
constexpr std::size_t events_at_a_time = 256;
constexpr std::size_t bytes_at_a_time = std::size_t{256} << 10;
constexpr std::size_t bytes_of_a_round = std::size_t{1} << 20; // for several threads

} // namespace

struct event_batcher::batch {
  cairn::position position; // every selected event up to here has been applied
  std::optional<table_checkpoint> end;
  batch_outcome result;
};

/// Makes sure that there are copies to be applied. Returns false if the batch ends here.
bool event_batcher::next_copies(batch& into, cairn::position last) {
  if (next_copy_ < copies_.size()) { // an earlier batch ended before them
    copies_are_fresh_ = false;
    return true;
  }
  return fill(into, last);
}

bool event_batcher::fill(batch& into, cairn::position last) {
  copies_.clear();
  next_copy_ = 0;
  copies_are_fresh_ = true;
  auto* const parallel = target_.parallel();
  std::uint64_t round = 0;
  if (parallel) {
    parallel->begin_round();
    round = std::min<std::uint64_t>(parallel->round_events(), limits_.events - into.result.events);
  }
  const fill_limits limits{.events = round > 0 ? round : events_at_a_time,
                           .bytes = round > 0 ? bytes_of_a_round : bytes_at_a_time,
                           .last_position = last};
  if (source_->position() != into.position) // a decision has passed over what could not be read
    source_->seek(into.position);
  const auto filled =
      round > 0 ? source_->fill(copies_, limits, {}, [&](const event_view& e) { parallel->add(e); })
                : source_->fill(copies_, limits, {});
  if (!copies_.empty())
    return true; // an error is met again behind these
  const bool moved_on = source_->position() > into.position;
  into.position = source_->position();
  if (!filled && filled.error().position() > into.position) {
    into.result.failed = failed_event{filled.error().position(), {}, 0, {}, filled.error()};
  } else if (!filled) {
    into.result.broken = filled.error();
    into.result.source_is_broken = true;
  }
  return filled && moved_on;
}

/// False: the copies are to be applied one after another.
bool event_batcher::apply_in_parallel(batch& into, const std::atomic<bool>& interrupt) {
  auto* const parallel = target_.parallel();
  if (!parallel || !copies_are_fresh_ || copies_.empty())
    return false;
  const auto is_passed_over = [this](const event_view& event) {
    return passed_over_.contains(event.position());
  };
  if (!parallel->apply(copies_, is_passed_over, interrupt))
    return false;
  next_copy_ = copies_.size();
  into.position = source_->position();
  into.result.events += copies_.size();
  return true;
}

/// False: the batch ends.
template <class IsFull>
bool event_batcher::apply_one(const event_view& event, batch& into, cairn::position last,
                              const IsFull& is_full) {
  if (event.position() > last) { // copied for a longer batch
    into.position = last;
    return false;
  }
  const bool is_wanted =
      event.position() > into.position && !passed_over_.contains(event.position());
  if (auto failure = is_wanted ? target_.apply(event) : std::nullopt) {
    into.result.failed =
        failed_event{event.position(), event.version(), event.type(), std::string{event.stream()},
                     failure->with_position(event.position())};
    return false;
  }
  into.position = std::max(into.position, event.position());
  ++into.result.events;
  const bool goes_on = !is_full(false);
  if (!goes_on || event.position() == last)
    into.end = table_checkpoint{event.position(), event_fingerprint(event)};
  return goes_on;
}

/// False: the batch ends.
template <class IsFull>
bool event_batcher::apply_copies(batch& into, cairn::position last, const IsFull& is_full) {
  bool goes_on = true;
  const auto applied_before = into.result.events;
  const auto shown = copies_.visit_from(next_copy_, [&](const event_view& event) {
    const auto before = into.result.events;
    goes_on = apply_one(event, into, last, is_full);
    next_copy_ += into.result.events - before;
    return goes_on ? visit_result::proceed : visit_result::stop;
  });
  if (!shown) {
    into.result.failed = failed_event{shown.error().position(), {}, 0, {}, shown.error()};
    return false;
  }
  if (next_copy_ == copies_.size())
    into.position = std::max(into.position, source_->position());
  if (auto* const parallel = target_.parallel())
    parallel->applied_alone(into.result.events - applied_before);
  return goes_on && !(copies_.empty() && is_full(true));
}

/// False: the batch ends.
template <class IsFull>
bool event_batcher::apply_recent(batch& into, cairn::position last, const appended_events& recent,
                                 const IsFull& is_full) {
  bool goes_on = true;
  const auto shown = recent.visit_from(into.position + 1, [&](const event_view& event) {
    goes_on = apply_one(event, into, last, is_full);
    return goes_on ? visit_result::proceed : visit_result::stop;
  });
  if (shown)
    return goes_on;
  into.result.failed = failed_event{shown.error().position(), {}, 0, {}, shown.error()};
  return false;
}

batch_outcome event_batcher::advance(cairn::position last, const std::atomic<bool>& interrupt,
                                     const appended_events* recent) {
  batch done{.position = reached(), .end = {}, .result = {}};
  if (uncommitted_) {
    done.end = uncommitted_;
    return finish(done);
  }
  if (last <= done.position)
    return done.result;
  if (auto begun = target_.begin(); !begun) {
    done.result.broken = std::move(begun).error();
    return done.result;
  }
  const auto begin = done.position;
  const auto deadline = later_by(environment_.time(), limits_.time);
  const auto is_full = [&](bool after_a_round) {
    return done.result.events >= limits_.events || target_.is_full() || interrupt
           || ((after_a_round || done.result.events % events_between_looks_at_the_clock == 0)
               && environment_.time() >= deadline);
  };
  if (auto* const parallel = target_.parallel())
    parallel->begin_batch();
  if (!source_->selects_all() || target_.parallel())
    recent = nullptr;
  bool goes_on = true;
  while (goes_on && done.position < last) {
    const bool any_copies = next_copy_ < copies_.size();
    if (recent && !any_copies && recent->contains(done.position + 1))
      goes_on = apply_recent(done, last, *recent, is_full);
    else if (!next_copies(done, last))
      break;
    else
      goes_on =
          apply_in_parallel(done, interrupt) ? !is_full(true) : apply_copies(done, last, is_full);
  }
  if (done.position == begin) {
    target_.abort();
    return done.result;
  }
  return finish(done);
}

/// Commits up to the batch's end.
batch_outcome event_batcher::finish(batch& done) {
  if (!done.end || done.end->position != done.position)
    done.end = source_->checkpoint_at(done.position);
  if (auto committed = target_.commit(*done.end); !committed) {
    uncommitted_ = done.end;
    done.result.failed.reset(); // will be met again
    done.result.broken = std::move(committed).error();
    done.result.source_is_broken = false;
  } else {
    uncommitted_.reset();
  }
  return std::move(done.result);
}

} // namespace cairn::detail
