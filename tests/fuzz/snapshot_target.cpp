// A snapshot's record: what an aggregate that is rebuilt takes from any bytes.

#include "literals.hpp"
#include "records/record.hpp"
#include "target.hpp"

#include <cairn/snapshot.hpp>

#include <kj/exception.h>

namespace {

using namespace cairn;
using namespace cairn::detail;

std::span<const std::byte> some_key() {
  static constexpr std::uint64_t key = 1;
  return key_bytes(key);
}

} // namespace

std::vector<fuzz::input> fuzz::seeds() {
  std::vector<input> made;
  const auto stream = stream_id::make("cart", "42").value();
  for (const std::size_t commands : {0, 1, 9}) {
    const std::vector<recent_command> recent(commands, recent_command{{1, 2}, 3_ver, 4_pos});
    const auto draft = snapshot_draft::encode(
        stream, {3_ver, 4_pos}, 5, recent, [&](capnp::AnyPointer::Builder state) {
          state.initAs<capnp::Data>(static_cast<unsigned>(40 * commands));
        });
    auto& bytes = made.emplace_back(sizeof(head_record), '\0');
    bytes += bytes_of(std::span{draft.message});
  }
  return made;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  auto words = fuzz::words_of(bytes, size);
  (void)is_intact(some_key(), words, words_of<head_record>);
  if (words.size() < words_of<head_record>)
    return 0;
  seal_value(some_key(), words.data(), words.size() * sizeof(std::uint64_t));
  CAIRN_ASSERT(is_intact(some_key(), words, words_of<head_record>));
  try {
    message_in_place message{words, words_of<head_record>};
    const auto record = message.root<format::SnapshotRecord>();
    std::size_t seen = record.getStream().size() + record.getFingerprint();
    for (const auto command : record.getRecentCommands())
      seen += command.getIdHigh() + command.getIdLow() + command.getVersion();
    seen += record.getState().targetSize().wordCount;
    (void)seen;
  } catch (const kj::Exception&) { // counts as damaged
  }
  return 0;
}
