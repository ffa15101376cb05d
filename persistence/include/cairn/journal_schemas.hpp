#pragma once

#include <cairn/journal.capnp.h>

#include <capnp/schema.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cairn {

/// The schemas that one part of a program keeps values of in the journal; given to
/// `journal::declare_schemas`. The structs and enums that these contain belong to them.
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

} // namespace cairn
