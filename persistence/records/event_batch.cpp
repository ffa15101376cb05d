#include <cairn/event_batch.hpp>

#include <cairn/journal.capnp.h>

#include "records/append_message.hpp"
#include "records/record.hpp"
#include "records/text_check.hpp"

#include <algorithm>
#include <string>

namespace cairn {
namespace {

// Room for the message of the next event is made from the size of the one before: clearing it
// costs a nanosecond for each 8 words, a message that does not fit an allocation and a copy.
constexpr std::size_t fewest_expected_words = 64, most_expected_words = 4096;

error invalid(std::string message) {
  return {errc::invalid_argument, std::move(message)};
}

result<void> check_tags(std::span<const std::string_view> tags) {
  if (tags.size() > max_tags)
    return invalid("an event has " + std::to_string(tags.size()) + " tags; the limit is 16");
  for (const std::string_view tag : tags)
    if (auto checked = detail::check_tag(tag); !checked)
      return checked;
  return {};
}

/// Of at most `max_tags`.
bool has_duplicate(std::span<const std::string_view> tags) noexcept {
  for (std::size_t i = 1; i < tags.size(); ++i)
    if (std::ranges::find(tags.first(i), tags[i]) != tags.begin() + static_cast<std::ptrdiff_t>(i))
      return true;
  return false;
}

/// Each once, in the order of their first places.
std::vector<std::string_view> distinct(std::span<const std::string_view> tags) {
  std::vector<std::string_view> kept;
  for (const std::string_view tag : tags)
    if (std::ranges::find(kept, tag) == kept.end())
      kept.push_back(tag);
  return kept;
}

result<void> check_reservations(std::span<const reservation> reservations) {
  if (reservations.size() > max_reservations)
    return invalid("an event has " + std::to_string(reservations.size())
                   + " reservations; the limit is 16");
  for (const auto& wanted : reservations)
    if (auto checked = detail::check_key(wanted.key); !checked)
      return checked;
  return {};
}

/// A record without reservations is as long as it was before there were any: no byte is spent on
/// those who do not use them, and its bytes are those of the first version of the format.
format::EventRecord::Builder init_record(capnp::MessageBuilder& message, bool with_reservations) {
  if (with_reservations)
    return message.initRoot<format::EventRecord>();
  constexpr std::uint16_t data_words = 4, pointers = 4;
  return message
      .getRoot<capnp::AnyPointer>() // fresh, so there is nothing to clear
      .initAsAnyStruct(data_words, pointers)
      .as<format::EventRecord>();
}

void write_reservations(format::EventRecord::Builder record,
                        std::span<const reservation> reservations) {
  auto list = record.initReservations(static_cast<unsigned>(reservations.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setKey(reservations[i].key);
    list[i].setRelease(reservations[i].release);
  }
}

capnp::Text::Reader as_text(std::string_view text) {
  return {text.data(), text.size()};
}

void write_tags(format::EventRecord::Builder record, std::span<const std::string_view> tags) {
  auto list = record.initTags(static_cast<unsigned>(tags.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    // Through a builder of the exact size: the view need not end with a NUL.
    auto text = list.init(i, static_cast<unsigned>(tags[i].size()));
    tags[i].copy(text.begin(), text.size());
  }
}

void write_metadata(format::EventRecord::Builder record, const event_metadata& metadata) {
  record.setCommandIdHigh(metadata.command_id.high());
  record.setCommandIdLow(metadata.command_id.low());
  if (!metadata.correlation_id.empty() || !metadata.causation_id.empty()) {
    auto trace = record.initTrace();
    trace.setCorrelationHigh(metadata.correlation_id.high());
    trace.setCorrelationLow(metadata.correlation_id.low());
    trace.setCausationHigh(metadata.causation_id.high());
    trace.setCausationLow(metadata.causation_id.low());
  }
}

} // namespace

event_batch::event_batch(std::size_t max_event_bytes)
  : max_event_bytes_{max_event_bytes}, expected_words_{fewest_expected_words} {}

result<void> event_batch::add(const stream_id& stream, const event_metadata& metadata,
                              std::uint64_t type,
                              function_ref<void(capnp::AnyPointer::Builder)> fill) {
  if (!is_for(stream))
    return invalid("a batch with events of stream " + stream_ + " takes none of stream "
                   + stream.name());
  if (auto checked = check_tags(metadata.tags); !checked)
    return checked;
  if (!metadata.reservations.empty())
    if (auto checked = check_reservations(metadata.reservations); !checked)
      return checked;
  std::vector<std::string_view> distinct_tags;
  std::span<const std::string_view> tags = metadata.tags;
  if (has_duplicate(tags)) // an event has a tag or has it not
    tags = distinct_tags = distinct(tags);
  const std::size_t start = words_.size();
  const auto drop = [&] { words_.resize(start); };
  words_.resize(start + detail::words_of<detail::event_header>);
  try {
    detail::append_message(words_, expected_words_, [&](capnp::MessageBuilder& message) {
      auto record = init_record(message, !metadata.reservations.empty());
      record.setType(type);
      record.setStream(as_text(stream.name()));
      write_metadata(record, metadata);
      if (!tags.empty())
        write_tags(record, tags);
      if (!metadata.reservations.empty())
        write_reservations(record, metadata.reservations);
      fill(record.getPayload());
    });
  } catch (const detail::nests_too_deep&) { // it could never be read
    drop();
    return invalid("an event of stream " + stream.name() + " nests too deep; the limit is "
                   + std::to_string(max_nesting) + " levels");
  } catch (...) {
    drop();
    throw;
  }
  if (const std::size_t bytes = (words_.size() - start) * sizeof(std::uint64_t);
      bytes > max_event_bytes_) {
    drop();
    return invalid("an event of stream " + stream.name() + " takes " + std::to_string(bytes)
                   + " bytes in the journal; the limit is " + std::to_string(max_event_bytes_));
  }
  for (const std::string_view tag : tags)
    tags_.push_back({std::string{tag}, ends_.size()});
  for (const auto& wanted : metadata.reservations)
    reservations_.push_back({wanted, ends_.size()});
  if (ends_.empty())
    stream_ = stream.name();
  ends_.push_back(words_.size());
  expected_words_ = std::clamp(words_.size() - start, fewest_expected_words, most_expected_words);
  return {};
}

std::span<capnp::word> event_batch::record(std::size_t index) noexcept {
  CAIRN_ASSERT(index < ends_.size());
  const std::size_t start = index == 0 ? 0 : ends_[index - 1];
  return {reinterpret_cast<capnp::word*>(words_.data()) + start, ends_[index] - start};
}

std::span<const capnp::word> event_batch::record(std::size_t index) const noexcept {
  return const_cast<event_batch&>(*this).record(index);
}

void event_batch::truncate(std::size_t count) noexcept {
  if (count >= ends_.size())
    return;
  words_.resize(count == 0 ? 0 : ends_[count - 1]);
  ends_.resize(count);
  while (!tags_.empty() && tags_.back().record >= count)
    tags_.pop_back();
  while (!reservations_.empty() && reservations_.back().record >= count)
    reservations_.pop_back();
}

} // namespace cairn
