#include <cairn/snapshot.hpp>

#include "records/append_message.hpp"

namespace cairn {
namespace {

constexpr std::size_t usual_snapshot_words = 256;

/// A message whose fields are set where they are, without growing.
class fixed_message final : public capnp::MessageBuilder {
public:
  explicit fixed_message(SegmentInit& whole) : MessageBuilder{kj::arrayPtr(&whole, 1)} {}
  kj::ArrayPtr<capnp::word> allocateSegment(unsigned) override {
    detail::assertion_failed("a field that exists needs no room", __FILE__, __LINE__);
  }
};

} // namespace

snapshot_draft snapshot_draft::encode(const stream_id& stream, stream_head at,
                                      std::uint64_t fingerprint,
                                      std::span<const recent_command> recent,
                                      function_ref<void(capnp::AnyPointer::Builder)> fill) {
  snapshot_draft draft{stream, at, fingerprint, {}};
  detail::append_message(draft.message, usual_snapshot_words, [&](capnp::MessageBuilder& message) {
    auto record = message.initRoot<format::SnapshotRecord>();
    record.setStream(capnp::Text::Reader{stream.name().data(), stream.name().size()});
    record.setFingerprint(fingerprint);
    if (!recent.empty()) {
      auto commands = record.initRecentCommands(static_cast<unsigned>(recent.size()));
      for (unsigned i = 0; i < commands.size(); ++i) {
        commands[i].setIdHigh(recent[i].id.high());
        commands[i].setIdLow(recent[i].id.low());
        commands[i].setVersion(recent[i].version.number());
        commands[i].setPosition(recent[i].position.bits());
      }
    }
    fill(record.getState());
  });
  return draft;
}

void snapshot_draft::locate(function_ref<cairn::position(cairn::version version)> position_of) {
  auto* const words = reinterpret_cast<capnp::word*>(message.data());
  capnp::MessageBuilder::SegmentInit segment{kj::arrayPtr(words, message.size()), message.size()};
  fixed_message in_place{segment};
  for (auto command : in_place.getRoot<format::SnapshotRecord>().getRecentCommands()) {
    if (command.getPosition() == 0)
      command.setPosition(position_of(version{command.getVersion()}).bits());
  }
}

} // namespace cairn
