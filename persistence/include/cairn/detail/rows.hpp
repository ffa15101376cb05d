#pragma once

#include <cairn/detail/table_key.hpp>
#include <cairn/event_view.hpp>
#include <cairn/function_ref.hpp>
#include <cairn/result.hpp>

#include <capnp/any.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// Rows without their types: what the typed tables are made of.
namespace cairn::detail {

/// A row as it is stored: a word for the seal, then a message. Empty: there is no row.
using row_words = std::span<const std::uint64_t>;

enum class scan_direction : std::uint8_t { ascending, descending };

/// Called in the order of keys; what it is given is valid during the call.
using row_visitor = function_ref<visit_result(key_view key, row_words row)>;

/// Rows in the order of their keys, all as of the same events.
class row_source {
public:
  virtual ~row_source() = default;

  /// The row, in place. Errors: `corrupt_record`, `io_failed`.
  virtual result<row_words> find(key_view key) const = 0;

  /// Visits the rows with keys from `from` up to, but without, `below` (empty: to the end).
  /// Errors: as for `find`.
  virtual result<void> scan(key_view from, key_view below, scan_direction direction,
                            row_visitor visitor) const = 0;
};

/// Rows that are read as they stay, for as long as this lives.
class row_snapshot : public row_source {
public:
  /// What the rows are a fold of: the events of each shard up to its position.
  virtual const shard_positions& positions() const noexcept = 0;
};

/// Rows that a handler writes; it reads what it has written. One thread.
class row_sink : public row_source {
public:
  /// `row`: its first word is overwritten when the row is sealed.
  virtual void put(key_view key, std::vector<std::uint64_t> row) = 0;
  virtual void erase(key_view key) = 0;

  /// Notes that the event cannot be applied; the first failure counts.
  virtual void fail(error why) = 0;
  /// Why the event that began last cannot be applied, if so.
  virtual const std::optional<error>& failure() const noexcept = 0;
};

/// Writes a row's message: a word for the seal, then one segment.
std::vector<std::uint64_t> encode_row(function_ref<void(capnp::AnyPointer::Builder)> fill);

/// Hands the message of a row to `use`. Errors: `corrupt_record` where reading throws
/// `kj::Exception`; anything else passes through.
result<void> read_row(row_words row, function_ref<void(capnp::AnyPointer::Reader)> use);

/// `invalid_argument` for a key that is too long for `table`.
error key_too_long(std::string_view table, std::size_t bytes);

} // namespace cairn::detail
