#include "scripted_journal.hpp"

#include <cairn/memory_journal.hpp>

#include <utility>

namespace test {

using operation_ptr = std::unique_ptr<cairn::append_operation>;

scripted_journal::scripted_journal() : forwarding_journal{cairn::make_memory_journal()} {}

scripted_journal::~scripted_journal() {
  CAIRN_ASSERT(held_.empty()); // a test that leaves appends behind tests something else
}

std::vector<std::size_t> scripted_journal::held_events() const {
  std::vector<std::size_t> sizes;
  for (const auto& operation : held_)
    sizes.push_back(operation->events.size());
  return sizes;
}

void scripted_journal::release_one() {
  CAIRN_ASSERT(!held_.empty());
  auto oldest = std::move(held_.front());
  held_.pop_front();
  apply(std::move(oldest));
}

void scripted_journal::release_all() {
  while (!held_.empty())
    release_one();
}

void scripted_journal::fail_one(cairn::error why, bool written) {
  CAIRN_ASSERT(!held_.empty());
  auto oldest = std::move(held_.front());
  held_.pop_front();
  if (!written) {
    hand_back(std::move(oldest), std::move(why));
  } else {
    auto* const receiver = std::exchange(oldest->target, this);
    inner().submit(std::move(oldest));
    oldest = std::move(written_);
    CAIRN_ASSERT(oldest && oldest->outcome->has_value());
    oldest->target = receiver;
    deliver(std::move(oldest), std::move(why));
  }
}

void scripted_journal::fail_second(cairn::error why) {
  CAIRN_ASSERT(held_.size() >= 2);
  auto second = std::move(held_[1]);
  held_.erase(held_.begin() + 1);
  hand_back(std::move(second), std::move(why));
}

void scripted_journal::submit(operation_ptr operation) {
  if (!operation->events.empty())
    ++appends;
  if (holding_)
    held_.push_back(std::move(operation));
  else
    apply(std::move(operation));
}

void scripted_journal::apply(operation_ptr operation) {
  if (fails_with)
    hand_back(std::move(operation), *fails_with);
  else
    inner().submit(std::move(operation));
}

void scripted_journal::hand_back(operation_ptr operation, cairn::error why) {
  if (why.code() != cairn::errc::outcome_unknown)
    operation->refused();
  deliver(std::move(operation), std::move(why));
}

void scripted_journal::deliver(operation_ptr operation, cairn::error why) {
  operation->outcome.emplace(std::move(why));
  auto& receiver = *operation->target;
  std::vector<operation_ptr> one;
  one.push_back(std::move(operation));
  receiver.on_completed(std::move(one));
}

void scripted_journal::on_completed(std::vector<operation_ptr> operations) noexcept {
  written_ = std::move(operations.front());
}

cairn::result<cairn::version> scripted_journal::replay(const cairn::stream_id& stream,
                                                       cairn::version from_version,
                                                       cairn::version to_version,
                                                       cairn::event_visitor visitor) const {
  ++replays;
  if (on_replay)
    on_replay(stream);
  if (replay_fails_with)
    return *replay_fails_with;
  return inner().replay(stream, from_version, to_version, [&](const cairn::event_view& event) {
    ++replayed_events;
    return visitor(event);
  });
}

void scripted_journal::submit_snapshot(cairn::snapshot_draft snapshot) {
  if (inner().head(snapshot.stream).value().version < snapshot.at.version)
    snapshots_beyond.push_back(snapshot.at);
  snapshots.push_back(snapshot);
  inner().submit_snapshot(std::move(snapshot));
}

cairn::result<void> scripted_journal::close() {
  auto closed = inner().close();
  return close_fails_with ? *close_fails_with : std::move(closed);
}

} // namespace test
