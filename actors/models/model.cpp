#include <cairn/detail/model.hpp>

#include <capnp/message.h>
#include <capnp/schema.h>
#include <xxhash.h>

#include <set>
#include <string>

namespace cairn::detail {
namespace {

/// Hashes what decides how bytes are read as a state: for each struct that it contains, the fields'
/// names, places, types and defaults. Comments, file names and the order of declaration do not
/// count.
class fingerprint {
public:
  explicit fingerprint(std::uint64_t version) : hash_{XXH3_createState()} {
    XXH3_64bits_reset_withSeed(hash_, version);
  }
  ~fingerprint() { XXH3_freeState(hash_); }
  fingerprint(const fingerprint&) = delete;
  fingerprint& operator=(const fingerprint&) = delete;

  void add(capnp::StructSchema schema) {
    const auto node = schema.getProto();
    if (!seen_.insert(node.getId()).second)
      return;
    add_number(node.getId());
    add_number(node.getStruct().getDataWordCount());
    add_number(node.getStruct().getPointerCount());
    for (const auto field : schema.getFields())
      add(field);
  }

  std::uint64_t value() const { return XXH3_64bits_digest(hash_); }

private:
  void add(capnp::StructSchema::Field field) {
    const auto proto = field.getProto();
    XXH3_64bits_update(hash_, proto.getName().cStr(), proto.getName().size() + 1);
    add_number(field.getIndex());
    if (proto.isSlot()) {
      add_number(proto.getSlot().getOffset());
      add_canonical(proto.getSlot().getDefaultValue());
    }
    add(field.getType());
  }

  void add(capnp::Type type) {
    add_number(static_cast<std::uint64_t>(type.which()));
    if (type.isList()) {
      add(type.asList().getElementType());
    } else if (type.isStruct()) {
      add(type.asStruct());
    } else if (type.isEnum()) {
      for (const auto enumerant : type.asEnum().getEnumerants()) {
        const auto name = enumerant.getProto().getName();
        XXH3_64bits_update(hash_, name.cStr(), name.size() + 1);
      }
    }
  }

  void add_canonical(capnp::schema::Value::Reader value) {
    const auto words = capnp::canonicalize(value);
    const auto bytes = words.asBytes();
    XXH3_64bits_update(hash_, bytes.begin(), bytes.size());
  }

  void add_number(std::uint64_t number) { XXH3_64bits_update(hash_, &number, sizeof number); }

  XXH3_state_t* hash_;
  std::set<std::uint64_t> seen_;
};

} // namespace

std::uint64_t schema_fingerprint(capnp::StructSchema schema, std::uint64_t version) {
  fingerprint of{version};
  of.add(schema);
  return of.value();
}

} // namespace cairn::detail
