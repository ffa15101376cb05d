#include "projection_fold.hpp"

#include <cairn/detail/calls.hpp>

namespace cairn::detail {
namespace {

constexpr std::uint64_t events_between_looks_at_the_clock = 8; // a handler may take long
constexpr std::size_t events_at_a_time = 256;
constexpr std::size_t bytes_at_a_time = std::size_t{256} << 10;

} // namespace

/// What one batch has come to.
struct projection_fold::batch {
  std::uint64_t position; // of the last event taken in
  std::optional<table_checkpoint> end;
  outcome result;
};

std::optional<error> projection_fold::try_apply(const event_view& event) {
  if (passed_over_.contains(event.position()))
    return std::nullopt;
  store_->begin_event();
  auto& to_rows = store_->rows();
  std::optional<error> failure;
  try {
    table_writer to{to_rows};
    model_.project(to, event);
    failure = to_rows.failure();
  } catch (...) {
    failure = error{errc::handler_failed, "projection " + model_.name + " threw at position "
                                              + std::to_string(event.position()) + ": "
                                              + describe_current_exception()};
  }
  if (!failure)
    return std::nullopt;
  store_->roll_back_event();
  return failure->with_position(event.position());
}

/// Copies the next events; false: there are none, and the batch ends.
bool projection_fold::copy_events(std::uint64_t first, std::uint64_t last, batch& into) {
  copies_.clear();
  const auto replayed = log_.replay_all(first, [&](const event_view& event) {
    copies_.add(event);
    const bool enough = event.position() == last || copies_.size() == events_at_a_time
                        || copies_.bytes() >= bytes_at_a_time;
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
    goes_on = !is_full();
    if (!goes_on || into.position == last)
      into.end = table_checkpoint{into.position, event_mark(event)};
    return goes_on ? visit::go_on : visit::stop;
  });
  if (!shown) {
    into.result.failed = failed_event{into.position + 1, 0, 0, {}, shown.error()};
    return false;
  }
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
  const auto is_full = [&] {
    return done.result.events >= options_.max_batch_events
           || store_->pending_bytes() >= options_.max_batch_bytes || interrupt
           || (done.result.events % events_between_looks_at_the_clock == 0
               && driving_.time() >= deadline);
  };
  if (!unpublished_)
    while (done.position < last && copy_events(done.position + 1, last, done)
           && apply_copies(last, done, is_full)) {
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
