#include "records/append_message.hpp"

#include "records/nesting.hpp"

#include <cairn/error.hpp>
#include <cairn/schema.hpp>

#include <algorithm>
#include <span>

namespace cairn::detail {
namespace {

/// Its first segment is memory of the caller's, all zero, which stays as it was built; what does
/// not fit goes into segments of its own.
class builder_in_place final : public capnp::MessageBuilder {
public:
  explicit builder_in_place(std::span<std::uint64_t> first) : first_{first} {}

  kj::ArrayPtr<capnp::word> allocateSegment(unsigned minimum_words) override {
    if (!first_taken_) {
      first_taken_ = true;
      if (minimum_words <= first_.size())
        return {reinterpret_cast<capnp::word*>(first_.data()), first_.size()};
    }
    const auto total = std::max<std::size_t>(minimum_words, 2 * first_.size());
    auto& segment = more_.emplace_back(total);
    return {reinterpret_cast<capnp::word*>(segment.data()), segment.size()};
  }

private:
  const std::span<std::uint64_t> first_;
  bool first_taken_ = false;
  std::vector<std::vector<std::uint64_t>> more_;
};

/// Before anything goes through the message by recursion, as a copy does. A level takes a word at
/// least, so small messages, that is most, need not be walked.
void check_nesting(capnp::MessageBuilder& message) {
  if (message.sizeInWords() > static_cast<std::size_t>(message_levels)
      && !nests_within(message.getRoot<capnp::AnyPointer>().asReader(), message_levels))
    throw nests_too_deep{};
}

/// Copies a message of several segments into one.
void gather(std::vector<std::uint64_t>& out, std::size_t start, capnp::MessageBuilder& message) {
  const auto root = message.getRoot<capnp::AnyPointer>().asReader();
  const auto words = static_cast<unsigned>(root.targetSize().wordCount + 1);
  capnp::MallocMessageBuilder whole{words, capnp::AllocationStrategy::FIXED_SIZE};
  whole.setRoot(root);
  const auto copied = whole.getSegmentsForOutput();
  CAIRN_ASSERT(copied.size() == 1);
  const auto* const begin = reinterpret_cast<const std::uint64_t*>(copied[0].begin());
  out.resize(start);
  out.insert(out.end(), begin, begin + copied[0].size());
}

} // namespace

void append_message(std::vector<std::uint64_t>& out, std::size_t expected_words,
                    function_ref<void(capnp::MessageBuilder&)> fill) {
  const auto start = out.size();
  out.resize(start + expected_words); // all zero, as a builder wants it
  try {
    builder_in_place message{std::span{out}.subspan(start)};
    fill(message);
    check_nesting(message);
    const auto segments = message.getSegmentsForOutput();
    if (segments.size() == 1
        && reinterpret_cast<const std::uint64_t*>(segments[0].begin()) == out.data() + start)
      out.resize(start + segments[0].size());
    else
      gather(out, start, message);
  } catch (...) {
    out.resize(start);
    throw;
  }
}

} // namespace cairn::detail
