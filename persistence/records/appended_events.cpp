#include <cairn/appended_events.hpp>

#include "records/record.hpp"

namespace cairn {

void appended_events::add(const event_batch& appended, const commit& at) {
  CAIRN_ASSERT(appended.size() == at.count);
  if (entries_.empty() || at.first_position != first_position_ + entries_.size()) {
    entries_.clear();
    first_position_ = at.first_position;
  }
  for (std::size_t i = 0; i < appended.size(); ++i) {
    const auto record = appended.record(i);
    const detail::words_view words{reinterpret_cast<const std::uint64_t*>(record.data()),
                                   record.size()};
    const auto fixed =
        detail::event_in_place::fixed_part(at.first_position + i, detail::header_of(words));
    CAIRN_ASSERT(fixed.version == at.first_version + i); // they are what the journal has written
    entries_.push_back({fixed, words.subspan(record_header_words)});
  }
}

result<cairn::position> appended_events::visit_from(cairn::position position,
                                                    event_visitor visitor) const {
  CAIRN_ASSERT(contains(position));
  for (auto i = static_cast<std::size_t>(position - first_position_);; ++i) {
    const entry& at = entries_[i];
    try {
      detail::message_in_place message{at.message, 0};
      const auto next = visitor({at.fixed, message.root<format::EventRecord>(), at.message});
      if (next == visit_result::stop || i + 1 == entries_.size())
        return at.fixed.position;
    } catch (const kj::Exception& damage) {
      return detail::corrupt_event(at.fixed.position, damage.getDescription().cStr());
    }
  }
}

} // namespace cairn
