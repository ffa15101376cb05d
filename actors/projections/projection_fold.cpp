#include "projections/projection_fold.hpp"

#include <cairn/detail/calls.hpp>

#include <algorithm>

namespace cairn::detail {
namespace {

constexpr std::uint64_t events_between_looks_at_the_clock = 8; // a handler may take long
constexpr std::size_t events_at_a_time = 256;
constexpr std::size_t bytes_at_a_time = std::size_t{256} << 10;
constexpr std::size_t bytes_of_a_round = std::size_t{1} << 20; // for several threads

} // namespace

/// What one batch has come to.
struct projection_fold::batch {
  std::uint64_t position; // of the last event taken in
  std::optional<table_checkpoint> end;
  outcome result;
};

/// Lets the handler write what it makes of the event; what is wrong with that, if so.
std::optional<error> projection_fold::project(row_sink& into, const event_view& event) const {
  try {
    table_writer to{into};
    model_.project(to, event);
    return into.failure();
  } catch (...) {
    return error{errc::handler_failed, "projection " + model_.name + " threw at position "
                                           + std::to_string(event.position()) + ": "
                                           + describe_current_exception()};
  }
}

std::optional<error> projection_fold::try_apply(const event_view& event) {
  if (passed_over_.contains(event.position()))
    return std::nullopt;
  store_->begin_event();
  auto failure = project(store_->rows(), event);
  if (!failure)
    return std::nullopt;
  store_->roll_back_event();
  return failure->with_position(event.position());
}

/// Copies the next events; false: there are none, and the batch ends.
bool projection_fold::copy_events(std::uint64_t first, std::uint64_t last, batch& into) {
  copies_.clear();
  lanes_.begin_round();
  const auto room = options_.max_batch_events - into.result.events; // in the batch
  const auto round = std::min<std::uint64_t>(lanes_.next_round(), room);
  const auto most = round > 0 ? round : events_at_a_time;
  const auto most_bytes = round > 0 ? bytes_of_a_round : bytes_at_a_time;
  const auto replayed = log_.replay_all(first, [&](const event_view& event) {
    copies_.add(event);
    if (round > 0)
      lanes_.add(event.stream());
    const bool enough =
        event.position() == last || copies_.size() == most || copies_.bytes() >= most_bytes;
    return enough ? visit::stop : visit::go_on;
  });
  if (!copies_.empty())
    return true; // an error is met again behind these
  if (!replayed && replayed.error().position() == first)
    into.result.failed = failed_event{first, 0, 0, {}, replayed.error()};
  else if (!replayed)
    into.result.broken = replayed.error();
  return false;
}

/// False: they are to be applied one after another.
bool projection_fold::fold_copies_in_lanes(batch& into, const std::atomic<bool>& interrupt) {
  const auto apply = [this](row_sink& rows, const event_view& event) {
    return passed_over_.contains(event.position()) || !project(rows, event);
  };
  if (!lanes_.fold(copies_, *store_, apply, interrupt))
    return false;
  into.position += copies_.size();
  into.result.events += copies_.size();
  return true;
}

/// False: the batch ends.
template <class IsFull>
bool projection_fold::apply_copies(std::uint64_t last, batch& into, const IsFull& is_full) {
  bool goes_on = true;
  const auto shown = copies_.visit_from(0, [&](const event_view& event) {
    if (auto failure = try_apply(event)) {
      into.result.failed = failed_event{event.position(), event.version(), event.type(),
                                        std::string{event.stream()}, *std::move(failure)};
      goes_on = false;
      return visit::stop;
    }
    into.position = event.position();
    ++into.result.events;
    goes_on = !is_full(false);
    if (!goes_on || into.position == last)
      into.end = table_checkpoint{into.position, event_mark(event)};
    return goes_on ? visit::go_on : visit::stop;
  });
  if (!shown) {
    into.result.failed = failed_event{into.position + 1, 0, 0, {}, shown.error()};
    return false;
  }
  lanes_.folded_alone(copies_.size());
  return goes_on;
}

projection_fold::outcome projection_fold::advance(std::uint64_t last,
                                                  const std::atomic<bool>& interrupt) {
  batch done{.position = store_->position(), .end = unpublished_, .result = {}};
  if (!unpublished_) {
    if (last <= done.position)
      return done.result;
    if (auto begun = store_->begin_batch(); !begun) {
      done.result.broken = std::move(begun).error();
      return done.result;
    }
  }
  const auto deadline = driving_.time() + options_.max_batch_time;
  const auto is_full = [&](bool after_a_round) {
    return done.result.events >= options_.max_batch_events
           || store_->pending_bytes() >= options_.max_batch_bytes || interrupt
           || ((after_a_round || done.result.events % events_between_looks_at_the_clock == 0)
               && driving_.time() >= deadline);
  };
  lanes_.begin_batch();
  if (!unpublished_)
    while (done.position < last && copy_events(done.position + 1, last, done)
           && (fold_copies_in_lanes(done, interrupt) ? !is_full(true)
                                                     : apply_copies(last, done, is_full))) {
    }
  if (done.result.events > 0 && !done.end)
    done.end = checkpoint_at(done.position);
  if (!done.end) {
    store_->end_batch();
    return done.result;
  }
  if (auto published = store_->publish(*done.end); !published) {
    unpublished_ = done.end;
    done.result.failed.reset(); // will be met again
    done.result.broken = std::move(published).error();
  } else {
    unpublished_.reset();
  }
  return done.result;
}

table_checkpoint projection_fold::checkpoint_at(std::uint64_t position) const {
  table_checkpoint at{position, 0};
  if (position != 0) // an event that cannot be read leaves no mark
    (void)log_.replay_all(position, [&](const event_view& event) {
      at.event_mark = event_mark(event);
      return visit::stop;
    });
  return at;
}

result<void> projection_fold::check_history() const {
  auto at = store_->checkpoint();
  if (!at)
    return std::move(at).error();
  const auto expected =
      at->position <= log_.last_position() ? checkpoint_at(at->position) : table_checkpoint{};
  if (expected.position == at->position
      && (at->event_mark == 0 || expected.event_mark == at->event_mark))
    return {};
  return error{errc::corrupt_journal,
               "the tables of projection " + model_.name + " were folded up to position "
                   + std::to_string(at->position)
                   + " of another history than this journal's; remove their directory to have them "
                     "built anew"};
}

} // namespace cairn::detail
