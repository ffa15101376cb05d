#include "projections/fold_lanes.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::size_t least_events_of_a_thread = 32;
constexpr std::size_t most_events_of_a_round = 2048;
constexpr int rounds_in_a_batch = 4; // of the time that one may take: between, others have a say
constexpr std::size_t least_alone = 1024;
constexpr std::size_t most_alone = std::size_t{1} << 20;

constexpr std::size_t most_folding_threads = 64;

} // namespace

result<void> fold_lanes::check(const projection_options& options) {
  const auto wanted = options.folding_threads;
  const auto refuse = [](std::string why) {
    return error{errc::invalid_argument, "projection_options::folding_threads " + std::move(why)};
  };
  if (wanted == 0 || wanted > most_folding_threads)
    return refuse("must be from 1 to " + std::to_string(most_folding_threads));
  if (wanted > 1 && options.mode == projection_mode::inlined)
    return refuse("must be 1 for an inlined projection: the thread that replies folds it");
  if (wanted > 1 && wanted >= options.tables.max_readers)
    return refuse("must be less than tables.max_readers");
  return {};
}

fold_lanes::fold_lanes(const projection_options& options, const consumer_environment& environment)
  : environment_{environment}, lanes_{options.folding_threads},
    least_events_{environment.by_threads ? lanes_ * least_events_of_a_thread : 2},
    longest_{options.max_batch_time / rounds_in_a_batch},
    numbers_(lanes_), round_{lanes_ > 1 ? least_events_ : 0} {}

result<void> fold_lanes::start() {
  return lanes_ > 1 ? threads_.start(lanes_ - 1) : result<void>{};
}

void fold_lanes::begin_round() noexcept {
  for (auto& lane : numbers_)
    lane.clear();
  added_ = 0;
}

void fold_lanes::add(std::string_view stream) {
  const auto lane = std::hash<std::string_view>{}(stream) % lanes_;
  numbers_[lane].push_back(static_cast<std::uint32_t>(added_++));
}

bool fold_lanes::fold(const event_buffer& events, table_store& into, handler apply,
                      const std::atomic<bool>& interrupt) {
  if (added_ != events.size() || next_round() == 0)
    return false;
  // Behind other rounds of the batch a small one is cheaper in lanes, too: their rows stay there.
  const bool is_large = added_ >= least_events_;
  if (!is_large && !batch_has_lanes_)
    return false;
  const auto begin = environment_.time();
  if (!into.begin_round(lanes_)) // no view of the rows to be had: one is enough for folding alone
    return note_refused(), false;
  const bool complete = apply_all(events, into, apply, interrupt, is_large && threads_.size() > 0);
  if (into.end_round() && complete) {
    note_kept(added_, environment_.time() - begin);
    return true;
  }
  if (!interrupt)
    note_refused();
  return false;
}

/// False: a lane has ended early.
bool fold_lanes::apply_all(const event_buffer& events, table_store& into, handler apply,
                           const std::atomic<bool>& interrupt, bool by_threads) {
  std::atomic<bool> is_over = false;
  const auto apply_lane = [&](std::size_t lane) {
    auto& rows = into.lane(lane);
    const auto shown = events.visit_these(numbers_[lane], [&](const event_view& event) {
      if (!is_over && (interrupt || !apply(rows, event))) {
        is_over = true;
        rows.fail({errc::handler_failed, "the round is given up"});
      }
      return is_over ? visit::stop : visit::go_on;
    });
    if (!shown) {
      is_over = true;
      rows.fail(shown.error());
    }
  };
  if (by_threads)
    threads_.run(apply_lane);
  else
    for (std::size_t lane = 0; lane < lanes_; ++lane)
      apply_lane(lane);
  return !is_over;
}

void fold_lanes::note_kept(std::size_t events, std::chrono::steady_clock::duration took) {
  batch_has_lanes_ = true;
  events_ += events;
  alone_ -= std::min(alone_, events);
  if (took > longest_)
    round_ = std::max(round_ / 2, least_events_);
  else if (took < longest_ / 2)
    round_ = std::min(round_ * 2, most_events_of_a_round);
}

void fold_lanes::note_refused() {
  ++rounds_again_;
  round_ = std::max(round_ / 4, least_events_);
  alone_ = alone_left_ = std::clamp(2 * alone_, least_alone, most_alone);
}

void fold_lanes::folded_alone(std::size_t events) noexcept {
  alone_left_ -= std::min(alone_left_, events);
}

} // namespace cairn::detail
