#include "message_scratch.hpp"

#include <cairn/error.hpp>

#include <array>
#include <cstddef>
#include <memory>

namespace cairn::detail {
namespace {

constexpr std::size_t scratch_words = 2048;

/// The thread's scratch: all zero whenever `busy` is false (the builder's destructor sees to it).
struct scratch {
  std::unique_ptr<std::array<std::uint64_t, scratch_words>> words;
  bool busy = false;
};

thread_local scratch own_scratch;

/// Takes the scratch for one message; without success if `fill` of an outer message holds it.
class scratch_loan {
public:
  scratch_loan() : granted_{!own_scratch.busy} {
    if (!granted_)
      return;
    if (!own_scratch.words)
      own_scratch.words = std::make_unique<std::array<std::uint64_t, scratch_words>>();
    own_scratch.busy = true;
  }
  ~scratch_loan() {
    if (granted_)
      own_scratch.busy = false;
  }
  scratch_loan(const scratch_loan&) = delete;
  scratch_loan& operator=(const scratch_loan&) = delete;

  explicit operator bool() const noexcept { return granted_; }
  kj::ArrayPtr<capnp::word> segment() const noexcept {
    return {reinterpret_cast<capnp::word*>(own_scratch.words->data()), scratch_words};
  }

private:
  bool granted_;
};

void append_segment(std::vector<std::uint64_t>& out, kj::ArrayPtr<const capnp::word> segment) {
  const auto* words = reinterpret_cast<const std::uint64_t*>(segment.begin());
  out.insert(out.end(), words, words + segment.size());
}

void append_in_one_segment(std::vector<std::uint64_t>& out, capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  if (segments.size() == 1)
    return append_segment(out, segments[0]);
  const auto root = message.getRoot<capnp::AnyPointer>().asReader();
  const auto words = static_cast<unsigned>(root.targetSize().wordCount + 1);
  capnp::MallocMessageBuilder whole{words, capnp::AllocationStrategy::FIXED_SIZE};
  whole.setRoot(root);
  const auto copied = whole.getSegmentsForOutput();
  CAIRN_ASSERT(copied.size() == 1);
  append_segment(out, copied[0]);
}

} // namespace

void append_message(std::vector<std::uint64_t>& out,
                    function_ref<void(capnp::MessageBuilder&)> fill) {
  if (const scratch_loan loan; loan) {
    capnp::MallocMessageBuilder message{loan.segment()};
    fill(message);
    append_in_one_segment(out, message);
  } else {
    capnp::MallocMessageBuilder message;
    fill(message);
    append_in_one_segment(out, message);
  }
}

} // namespace cairn::detail
