#include "tables/decision_rows.hpp"

#include "tables/row_merge.hpp"

#include <cairn/detail/rows.hpp>
#include <cairn/projection.capnp.h>

#include <optional>
#include <string>

namespace cairn::detail {
namespace {

projection_decision decision_from(format::ProjectionDecision::Reader from) {
  const auto text = [](capnp::Text::Reader value) {
    return std::string{value.begin(), value.size()};
  };
  return {.what = static_cast<projection_decision::kind>(from.getKind()),
          .position = position::from_bits(from.getPosition()),
          .version = version{from.getVersion()},
          .type = from.getType(),
          .stream = text(from.getStream()),
          .error = text(from.getError()),
          .attempts = from.getAttempts(),
          .reason = text(from.getReason()),
          .decided_at = std::chrono::sys_time<std::chrono::nanoseconds>{
              std::chrono::nanoseconds{from.getDecidedAtNs()}}};
}

void fill_decision(format::ProjectionDecision::Builder to, const projection_decision& from) {
  to.setKind(static_cast<format::ProjectionDecision::Kind>(from.what));
  to.setPosition(from.position.bits());
  to.setVersion(from.version.number());
  to.setType(from.type);
  to.setStream({from.stream.data(), from.stream.size()});
  to.setError({from.error.data(), from.error.size()});
  to.setAttempts(from.attempts);
  to.setReason({from.reason.data(), from.reason.size()});
  to.setDecidedAtNs(static_cast<std::uint64_t>(from.decided_at.time_since_epoch().count()));
}

} // namespace

std::vector<std::uint64_t> encode_decision(std::uint64_t number,
                                           const projection_decision& decision) {
  auto row = encode_row([&](capnp::AnyPointer::Builder message) {
    fill_decision(message.initAs<format::ProjectionDecision>(), decision);
  });
  seal_value(key_bytes(number), row.data(), row.size() * sizeof(std::uint64_t));
  return row;
}

result<projection_decision> decode_decision(std::uint64_t number, words_view value) {
  std::optional<projection_decision> decoded;
  if (is_intact(key_bytes(number), value, row_header_words))
    (void)read_row(value, [&](capnp::AnyPointer::Reader message) {
      const auto record = message.getAs<format::ProjectionDecision>();
      if (record.getKind() <= format::ProjectionDecision::Kind::SKIP)
        decoded = decision_from(record);
    });
  if (!decoded)
    return error{errc::corrupt_journal, "a decision about an event is damaged"};
  return *std::move(decoded);
}

} // namespace cairn::detail
