#include "projections/fold_partitions.hpp"

#include "support/option_range.hpp"

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

constexpr std::size_t most_threads = 64;

} // namespace

result<void> fold_partitions::check(const projection_options& options) {
  const bool is_inlined = options.mode == projection_mode::before_reply; // who replies folds it
  return option_ranges{"projection_options"}
      .check("threads", options.threads, 1, is_inlined ? 1 : most_threads)
      .outcome();
}

fold_partitions::fold_partitions(const projection_options& options,
                                 const consumer_environment& environment)
  : environment_{environment}, partitions_{options.threads},
    least_events_{environment.by_threads ? partitions_ * least_events_of_a_thread : 2},
    longest_{options.max_batch_time / rounds_in_a_batch},
    numbers_(partitions_), round_{partitions_ > 1 ? least_events_ : 0} {}

result<void> fold_partitions::start() {
  return partitions_ > 1 ? threads_.start(partitions_ - 1) : result<void>{};
}

void fold_partitions::begin_round() noexcept {
  for (auto& partition : numbers_)
    partition.clear();
  added_ = 0;
}

void fold_partitions::add(std::string_view stream) {
  const auto partition = std::hash<std::string_view>{}(stream) % partitions_;
  numbers_[partition].push_back(static_cast<std::uint32_t>(added_++));
}

bool fold_partitions::fold(const event_buffer& events, table_store& into, handler apply,
                           const std::atomic<bool>& interrupt) {
  if (added_ != events.size() || next_round() == 0)
    return false;
  // Behind other rounds of the batch a small one is cheaper in partitions, too: their rows stay
  // there.
  const bool is_large = added_ >= least_events_;
  if (!is_large && !batch_has_partitions_)
    return false;
  const auto begin = environment_.time();
  if (!into.begin_round(
          partitions_)) // no view of the rows to be had: one is enough for folding alone
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

/// False: a partition has ended early.
bool fold_partitions::apply_all(const event_buffer& events, table_store& into, handler apply,
                                const std::atomic<bool>& interrupt, bool by_threads) {
  std::atomic<bool> is_over = false;
  const auto apply_partition = [&](std::size_t partition) {
    auto& rows = into.partition(partition);
    const auto shown = events.visit_these(numbers_[partition], [&](const event_view& event) {
      if (!is_over && (interrupt || !apply(rows, event))) {
        is_over = true;
        rows.fail({errc::handler_failed, "the round is given up"});
      }
      return is_over ? visit_result::stop : visit_result::proceed;
    });
    if (!shown) {
      is_over = true;
      rows.fail(shown.error());
    }
  };
  if (by_threads)
    threads_.run(apply_partition);
  else
    for (std::size_t partition = 0; partition < partitions_; ++partition)
      apply_partition(partition);
  return !is_over;
}

void fold_partitions::note_kept(std::size_t events, std::chrono::steady_clock::duration took) {
  batch_has_partitions_ = true;
  events_ += events;
  alone_ -= std::min(alone_, events);
  if (took > longest_)
    round_ = std::max(round_ / 2, least_events_);
  else if (took < longest_ / 2)
    round_ = std::min(round_ * 2, most_events_of_a_round);
}

void fold_partitions::note_refused() {
  ++parallel_retries_;
  round_ = std::max(round_ / 4, least_events_);
  alone_ = alone_left_ = std::clamp(2 * alone_, least_alone, most_alone);
}

void fold_partitions::folded_alone(std::size_t events) noexcept {
  alone_left_ -= std::min(alone_left_, events);
}

} // namespace cairn::detail
