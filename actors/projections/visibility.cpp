#include <cairn/aggregates.hpp>
#include <cairn/projection.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace cairn {
namespace detail {
namespace {

/// A reply that waits for one projection after the other.
struct waiting_reply {
  std::vector<projection_ref> projections;
  std::chrono::steady_clock::time_point deadline;
  reply answer;
  intrusive_ptr<future_state<reply>> waiter;
};

void go_on(std::unique_ptr<waiting_reply> waiting) {
  if (waiting->projections.empty())
    return waiting->waiter->settle(std::move(waiting->answer));
  const auto next = std::move(waiting->projections.back());
  waiting->projections.pop_back();
  auto visible = await_rows_of_reply(next, waiting->answer.position(), waiting->deadline);
  std::move(visible).then(
      [waiting = std::move(waiting)](result<cairn::position>&& reached) mutable {
        if (reached)
          return go_on(std::move(waiting));
        const auto& answer = waiting->answer;
        waiting->waiter->settle(
            error{errc::not_visible, "the command was accepted, but its events are not to be seen: "
                                         + reached.error().message()}
                .with_version(answer.version())
                .with_position(answer.position()));
      });
}

} // namespace

future<cairn::position> await_rows_of_reply(const projection_ref& projection,
                                            cairn::position position,
                                            std::chrono::steady_clock::time_point deadline) {
  return projection.host_->when_visible(position, deadline);
}

std::optional<error> objection_to_waiting(const ask_options& options) {
  for (const auto& projection : options.visible_in)
    if (projection.at_capacity())
      return error{errc::overloaded, "too many replies wait for the rows of projection "
                                         + std::string{projection.name()}
                                         + "; nothing was written"};
  return std::nullopt;
}

future<reply> reply_when_visible(future<reply> answer, const ask_options& options) {
  auto waiter = make_intrusive<future_state<reply>>();
  std::move(answer).then([projections = options.visible_in, deadline = options.deadline,
                          waiter](result<reply>&& outcome) mutable {
    if (!outcome || !outcome->accepted())
      return waiter->settle(std::move(outcome));
    go_on(std::make_unique<waiting_reply>(
        waiting_reply{std::move(projections), deadline, *std::move(outcome), std::move(waiter)}));
  });
  return future<reply>{std::move(waiter)};
}

} // namespace detail

result<std::vector<projection_decision>> projection_ref::parked() const {
  auto found = decisions();
  if (found)
    std::erase_if(*found, [](const projection_decision& decision) {
      return decision.what != projection_decision::kind::park;
    });
  return found;
}

} // namespace cairn
