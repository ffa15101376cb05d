#include <cairn/event_buffer.hpp>

#include "records/record.hpp"

#include <string>

namespace cairn {
namespace {

error no_copy(std::size_t index, std::size_t size) {
  return {errc::invalid_argument,
          "there is no copy " + std::to_string(index) + " in a buffer of " + std::to_string(size)};
}

} // namespace

void event_buffer::add(const event_view& event) {
  const auto message = event.message();
  words_.insert(words_.end(), message.begin(), message.end());
  entries_.push_back({event.fixed(), words_.size()});
}

result<std::size_t> event_buffer::visit_from(std::size_t first, event_visitor visitor) const {
  if (first > size())
    return no_copy(first, size());
  for (std::size_t i = first; i < entries_.size(); ++i) {
    const auto next = show(i, visitor);
    if (!next)
      return next.error();
    if (*next == visit_result::stop)
      return i + 1;
  }
  return entries_.size();
}

result<void> event_buffer::visit_these(std::span<const std::uint32_t> indices,
                                       event_visitor visitor) const {
  for (const auto index : indices) {
    if (index >= size())
      return no_copy(index, size());
    const auto next = show(index, visitor);
    if (!next)
      return next.error();
    if (*next == visit_result::stop)
      break;
  }
  return {};
}

result<visit_result> event_buffer::show(std::size_t index, event_visitor visitor) const {
  const entry& copy = entries_[index];
  const std::size_t begin = index == 0 ? 0 : entries_[index - 1].end;
  const detail::words_view words{words_.data() + begin, copy.end - begin};
  try {
    detail::message_in_place message{words, 0};
    return visitor({copy.fixed, message.root<format::EventRecord>(), words});
  } catch (const kj::Exception& damage) {
    return detail::corrupt_event(copy.fixed.position, damage.getDescription().cStr());
  }
}

void event_buffer::clear() noexcept {
  entries_.clear();
  words_.clear();
}

} // namespace cairn
