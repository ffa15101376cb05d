#include <cairn/schema_catalogue.hpp>

#include "records/nesting.hpp"
#include "schema_history/schema_history.hpp"

#include <cairn/event_batch.hpp>

#include <capnp/compat/json.h>
#include <capnp/dynamic.h>
#include <capnp/schema-loader.h>
#include <kj/encoding.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <utility>

namespace cairn {
namespace {

class data_in_base64 final : public capnp::JsonCodec::Handler<capnp::Data> {
public:
  void encode(const capnp::JsonCodec&, capnp::Data::Reader input,
              capnp::JsonValue::Builder output) const override {
    output.setString(kj::encodeBase64(input));
  }
  capnp::Orphan<capnp::Data> decode(const capnp::JsonCodec&, capnp::JsonValue::Reader input,
                                    capnp::Orphanage orphanage) const override {
    return orphanage.newOrphanCopy(capnp::Data::Reader{kj::decodeBase64(input.getString())});
  }
};

std::string hex(std::uint64_t id) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "0x%016llx", static_cast<unsigned long long>(id));
  return text.data();
}

/// RFC 3339, to the nanosecond.
std::string timestamp(std::chrono::sys_time<std::chrono::nanoseconds> at) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
  const std::time_t since_epoch = seconds.time_since_epoch().count();
  std::tm utc{};
  gmtime_r(&since_epoch, &utc);
  std::array<char, 40> date{}, fraction{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(fraction.data(), fraction.size(), ".%09lldZ",
                static_cast<long long>((at - seconds).count()));
  return std::string{date.data()} + fraction.data();
}

} // namespace

struct schema_catalogue::parts {
  parts() { json.addTypeHandler(as_base64); }

  std::string quoted(std::string_view text) const {
    return json.encode(capnp::Text::Reader{kj::heapString(text.data(), text.size())}).cStr();
  }
  /// `,"name":"id"`, or nothing if there is none.
  std::string optional_id(std::string_view name, message_id id) const {
    return id.empty() ? "" : ",\"" + std::string{name} + "\":\"" + id.to_string() + '"';
  }
  std::string optional_tags(const event_view& event) const {
    std::string text;
    for (const auto tag : event.tags())
      text += (text.empty() ? ",\"tags\":[" : ",") + quoted({tag.begin(), tag.size()});
    return text.empty() ? text : text + ']';
  }

  std::uint64_t generations = 0;
  detail::schema_nodes nodes;
  capnp::SchemaLoader loader;
  data_in_base64 as_base64;
  capnp::JsonCodec json;
};

schema_catalogue::schema_catalogue(std::unique_ptr<parts> made) noexcept
  : parts_{std::move(made)} {}
schema_catalogue::schema_catalogue(schema_catalogue&&) noexcept = default;
schema_catalogue& schema_catalogue::operator=(schema_catalogue&&) noexcept = default;
schema_catalogue::~schema_catalogue() = default;

result<schema_catalogue> schema_catalogue::load(const schema_registry& from) {
  auto history = detail::schema_history::of(from);
  if (!history)
    return std::move(history).error();
  auto made = std::make_unique<parts>();
  made->generations = history->last();
  made->nodes = std::move(*history).take_newest();
  try {
    for (const auto& [id, node] : made->nodes)
      made->loader.load(node.reader());
  } catch (const kj::Exception& damage) {
    return error{errc::corrupt_journal, std::string{"the journal's schemas do not fit together: "}
                                            + damage.getDescription().cStr()};
  }
  return schema_catalogue{std::move(made)};
}

std::uint64_t schema_catalogue::generations() const noexcept {
  return parts_->generations;
}

std::string schema_catalogue::name_of(std::uint64_t type) const {
  const auto found = parts_->nodes.find(type);
  return found == parts_->nodes.end() ? hex(type) : found->second.name();
}

result<std::string> schema_catalogue::payload_as_json(std::uint64_t type,
                                                      capnp::AnyPointer::Reader payload) const {
  if (!parts_->nodes.contains(type))
    return error{errc::not_found, "the journal has no schema of the type " + hex(type)};
  try {
    if (!detail::nests_within(payload, max_nesting))
      return error{errc::corrupt_record, "a value of the type " + name_of(type)
                                             + " nests deeper than " + std::to_string(max_nesting)
                                             + " levels"};
    const auto schema = parts_->loader.get(type).asStruct();
    const auto value = payload.getAs<capnp::DynamicStruct>(schema);
    return std::string{parts_->json.encode(value).cStr()};
  } catch (const kj::Exception& damage) {
    return error{errc::corrupt_record, "a value of the type " + name_of(type)
                                           + " cannot be read: " + damage.getDescription().cStr()};
  }
}

result<std::string> schema_catalogue::event_as_json(const event_view& event) const {
  auto payload = payload_as_json(event.type(), event.payload());
  if (!payload)
    return std::move(payload).error().with_position(event.position());
  const auto& own = *parts_;
  const auto shard = event.position().shard();
  return "{\"position\":" + std::to_string(event.position().number())
         + (shard == shard_id{} ? "" : ",\"shard\":" + to_string(shard)) + ",\"stream\":"
         + own.quoted(event.stream()) + ",\"version\":" + to_string(event.version())
         + ",\"recordedAt\":\"" + timestamp(event.recorded_at()) + "\",\"type\":"
         + own.quoted(name_of(event.type())) + own.optional_id("commandId", event.command_id())
         + own.optional_id("correlationId", event.correlation_id())
         + own.optional_id("causationId", event.causation_id()) + own.optional_tags(event)
         + ",\"event\":" + *payload + '}';
}

} // namespace cairn
