#pragma once

#include <cairn/function_ref.hpp>
#include <cairn/result.hpp>

#include <cairn/journal.capnp.h>

#include <capnp/schema.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cairn {

/// The schemas that one part of a program keeps values of in the journal; given to
/// `schema_registry::declare_schemas`. The structs and enums that these contain belong to them.
struct schema_declaration {
  /// An aggregate's type name, or the name of what keeps the rows. 1 to 255 bytes.
  std::string owner;
  /// All event types of the aggregate, those included that it only reads.
  std::vector<capnp::StructSchema> events = {};
  /// States may change in any way: a snapshot that does not fit is rebuilt.
  std::vector<capnp::StructSchema> states = {};
  /// Rows of tables that outlive the program.
  std::vector<capnp::StructSchema> rows = {};
};

/// One change of the schemas in a journal, in place; valid only during the visitor's call.
struct schema_generation {
  std::uint64_t number = 0; ///< From 1, without gaps.
  std::chrono::sys_time<std::chrono::nanoseconds> recorded_at;
  format::SchemaGeneration::Reader record;
};

/// Knows the schemas of all that a journal holds.
class schema_registry {
public:
  /// Compares the schemas that a program uses with those that the journal knows. What is new, or
  /// has grown by the rules of evolution (`schemas/README.md`), is recorded durably as one
  /// generation; what the journal has known before, in whichever generation, is not recorded again.
  /// So an older version of a program may take over from a newer one.
  ///
  /// Errors, with nothing recorded: `incompatible_schema` naming type and field, old and new (or
  /// the event type that occurs in the journal and that `used` lacks: for it the whole log is
  /// searched, once); `invalid_argument` (the owner), `storage_full`, `io_failed`,
  /// `corrupt_journal`, `corrupt_record`, `journal_stopped`, `not_owner`, `shut_down`. A journal
  /// open for reading only compares.
  virtual result<void> declare_schemas(const schema_declaration& used) = 0;

  /// Calls `visitor` with all generations of schemas, oldest first. Errors: `corrupt_journal`,
  /// `io_failed`, `shut_down`. What the visitor throws passes through, except that `kj::Exception`
  /// becomes `corrupt_journal`.
  virtual result<void>
  visit_schemas(function_ref<void(const schema_generation&)> visitor) const = 0;

protected:
  ~schema_registry() = default;
};

} // namespace cairn
