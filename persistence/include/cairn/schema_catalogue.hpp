#pragma once

#include <cairn/event_view.hpp>
#include <cairn/journal_schemas.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace cairn {

/// The schemas that a journal knows, for reading its records without the code of the application
/// that wrote them.
///
/// A copy as of its loading: types declared later are not in it. All functions may be called from
/// any thread.
class schema_catalogue {
public:
  /// Reads the schemas from a journal. Errors: those of `journal::visit_schemas`.
  static result<schema_catalogue> load(const schema_registry& from);

  schema_catalogue(schema_catalogue&&) noexcept;
  schema_catalogue& operator=(schema_catalogue&&) noexcept;
  ~schema_catalogue();

  /// How many generations it is made of.
  std::uint64_t generations() const noexcept;

  /// What the schema calls the type: "ItemAdded", or "Order.Line" of one declared in another. The
  /// id, as "0xd0d1c2c3b4b5a6a7", if the journal does not know it.
  std::string name_of(std::uint64_t type) const;

  /// The event as one JSON object in one line:
  ///
  ///     {"position":3,"stream":"cart/42","version":2,
  ///      "recordedAt":"2023-11-14T22:13:20.123456789Z","type":"ItemAdded",
  ///      "commandId":"...","correlationId":"...","causationId":"...","tags":["..."],
  ///      "event":{"sku":"tea","quantity":2,"unitPriceCents":"350"}}
  ///
  /// Ids and tags that are not there are left out. Errors: as for `payload_as_json`.
  result<std::string> event_as_json(const event_view& event) const;

  /// A struct of this type as JSON, by Cap'n Proto's rules: all fields in the order of their
  /// declaration, null pointers left out, 64-bit integers as strings (a JSON number may not hold
  /// them), enums by name. Data is in base64 (RFC 4648).
  /// Errors: `not_found` (the journal does not know the type), `corrupt_record`.
  result<std::string> payload_as_json(std::uint64_t type, capnp::AnyPointer::Reader payload) const;

private:
  struct parts;
  explicit schema_catalogue(std::unique_ptr<parts> made) noexcept;

  std::unique_ptr<parts> parts_;
};

} // namespace cairn
