// An event's record: what a replay shows of any bytes.

#include "records/record.hpp"
#include "target.hpp"

#include <cairn/event_batch.hpp>

#include <kj/exception.h>

namespace {

using namespace cairn;
using namespace cairn::detail;

constexpr cairn::position first{1};

/// All that a visitor can ask.
std::size_t look_at(const event_view& event) {
  std::size_t seen = event.stream().size() + event.version().number() + event.type();
  seen += event.command_id().low() + event.correlation_id().low() + event.causation_id().low();
  for (const auto tag : event.tags())
    seen += tag.size();
  seen += event.payload().targetSize().wordCount;
  seen += event.payload().getAs<capnp::Data>().size();
  return seen;
}

} // namespace

std::vector<fuzz::input> fuzz::seeds() {
  std::vector<input> made;
  const auto stream = stream_id::make("cart", "42").value();
  for (const std::size_t bytes : {0, 5, 300}) {
    event_batch batch;
    const std::string_view tags[] = {"red", "large"};
    const event_metadata metadata{.command_id = {1, 2},
                                  .correlation_id = {3, bytes},
                                  .causation_id = {},
                                  .tags = std::span{tags}.first(bytes % 3)};
    (void)batch.add(stream, metadata, 7, [&](capnp::AnyPointer::Builder payload) {
      payload.initAs<capnp::Data>(static_cast<unsigned>(bytes));
    });
    made.push_back(bytes_of(std::as_const(batch).record(0)));
  }
  return made;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  auto words = fuzz::words_of(bytes, size);
  (void)is_intact(key_bytes(first), words, words_of<event_header>);
  if (words.size() < words_of<event_header>)
    return 0;
  // Sealed anew: what lies behind the checksum is to be met too.
  seal_value(key_bytes(first), words.data(), words.size() * sizeof(std::uint64_t));
  CAIRN_ASSERT(is_intact(key_bytes(first), words, words_of<event_header>));
  try {
    const event_in_place event{first, words};
    (void)look_at(event.view());
  } catch (const kj::Exception&) { // becomes `corrupt_record`
  }
  return 0;
}
