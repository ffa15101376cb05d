#include <cairn/event_buffer.hpp>

#include "record.hpp"

namespace cairn {

void event_buffer::add(const event_view& event) {
  const auto message = event.message();
  words_.insert(words_.end(), message.begin(), message.end());
  entries_.push_back({event.fixed(), words_.size()});
}

result<std::size_t> event_buffer::visit_from(std::size_t first, event_visitor visitor) const {
  CAIRN_ASSERT(first <= size());
  std::size_t begin = first == 0 ? 0 : entries_[first - 1].end;
  for (std::size_t i = first; i < entries_.size(); ++i) {
    const entry& copy = entries_[i];
    const detail::words_view words{words_.data() + begin, copy.end - begin};
    begin = copy.end;
    try {
      detail::message_in_place message{words, 0};
      if (visitor({copy.fixed, message.root<format::EventRecord>(), words}) == visit::stop)
        return i + 1;
    } catch (const kj::Exception& damage) {
      return detail::corrupt_event(copy.fixed.position, damage.getDescription().cStr());
    }
  }
  return entries_.size();
}

void event_buffer::clear() noexcept {
  entries_.clear();
  words_.clear();
}

} // namespace cairn
