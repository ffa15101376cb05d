#pragma once

#include <cairn/detail/rows.hpp>
#include <cairn/detail/table_key.hpp>
#include <cairn/result.hpp>
#include <cairn/schema.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cairn {

/// Bytes that the components of a key may have together, as encoded: 8 for a number, and for text
/// its bytes (a NUL counts twice) and 2, rounded up to whole words. The key of an index and the
/// row's own count together.
inline constexpr std::size_t max_table_key_bytes = detail::max_row_key_bytes - 8;

/// A secondary key of a table: a type with a name, which never changes, and a pure function of the
/// row. Several rows may have the same.
///
///     struct by_quantity {
///       static constexpr std::string_view name = "by-quantity";
///       static std::uint64_t key(const sale& row) { return row.quantity; }
///     };
template <class Index, class Row>
concept table_index = requires(const Row& row) {
  { Index::name } -> std::convertible_to<std::string_view>;
  requires table_key<std::remove_cvref_t<decltype(Index::key(row))>>;
};

/// Names a table: ordered keys, rows that are structs of a schema, and secondary keys that are kept
/// with the rows. It holds nothing; the rows are where a projection keeps them.
///
///     static constexpr cairn::table<std::string, sale, by_quantity> sales{"sales"};
template <table_key Key, schema_value Row, table_index<Row>... Indexes>
class table {
public:
  using key_type = Key;
  using row_type = Row;

  /// `name` lives as long as the program and never changes: the keys of the rows are made of it.
  constexpr explicit table(std::string_view name) noexcept
    : name_{name}, id_{detail::name_hash(name)} {}

  constexpr std::string_view name() const noexcept { return name_; }

  /// What the keys of its rows begin with.
  constexpr std::uint64_t id() const noexcept { return id_; }

  /// What the keys of an index's entries begin with.
  template <class Index>
  constexpr std::uint64_t index_id() const noexcept {
    static_assert((std::is_same_v<Index, Indexes> || ...), "cairn: not an index of this table");
    return detail::name_hash(Index::name, detail::name_hash("\n", id_));
  }

private:
  std::string_view name_;
  std::uint64_t id_;
};

enum class scan_order : std::uint8_t { ascending, descending };

/// Which keys a scan visits, and in which order.
template <table_key Key>
struct key_range {
  std::optional<key_argument<Key>> from = {};  ///< The least; empty: from the first.
  std::optional<key_argument<Key>> below = {}; ///< Greater than all of them; empty: to the last.
  scan_order order = scan_order::ascending;
};

namespace detail {

template <class Index, class Row>
using index_key = std::remove_cvref_t<decltype(Index::key(std::declval<const Row&>()))>;

template <class Key>
encoded_key encode_key(std::uint64_t table, const key_argument<Key>& key) noexcept {
  encoded_key encoded{table};
  key_codec<Key>::encode(encoded, key);
  return encoded;
}

/// A visitor that returns nothing goes on.
template <class Visitor, class... Args>
visit_result call_visitor(Visitor& visitor, const Args&... args) {
  if constexpr (std::is_void_v<std::invoke_result_t<Visitor&, const Args&...>>)
    return visitor(args...), visit_result::proceed;
  else
    return visitor(args...);
}

/// Calls `visitor(before..., row)` with the row as a value or as a Reader, whichever it takes.
template <class Row, class Visitor, class... Before>
visit_result show_row(capnp::AnyPointer::Reader message, Visitor& visitor,
                      const Before&... before) {
  const auto wire = message.getAs<typename schema_of<Row>::wire>();
  if constexpr (std::is_invocable_v<Visitor&, const Before&..., const Row&>)
    return call_visitor(visitor, before..., schema_of<Row>::read(wire));
  else
    return call_visitor(visitor, before..., wire);
}

template <class Row>
result<std::optional<Row>> find_row(const row_source& rows, key_view key) {
  auto found = rows.find(key);
  if (!found)
    return std::move(found).error();
  std::optional<Row> row;
  if (found->empty())
    return row;
  auto read = read_row(*found, [&](capnp::AnyPointer::Reader message) {
    row.emplace(schema_of<Row>::read(message.getAs<typename schema_of<Row>::wire>()));
  });
  if (!read)
    return std::move(read).error();
  return row;
}

/// The bounds of a range within what begins with a table's or an index's id.
template <class Key>
struct encoded_range {
  encoded_range(std::uint64_t id, const key_range<Key>& range)
    : from{id}, below{key_after_prefix(from.bytes())}, order{range.order} {
    if (range.from)
      key_codec<Key>::encode(from, *range.from);
    if (range.below) {
      const auto bound = encode_key<Key>(id, *range.below);
      fits = bound.fits();
      if (fits)
        below = as_text(bound.bytes());
    }
    fits = fits && from.fits();
  }

  encoded_key from;
  std::string below;
  scan_order order;
  bool fits = true;
};

template <class Use>
result<void> scan_rows(const row_source& rows, key_view from, std::string_view below,
                       scan_order order, Use&& use) {
  std::optional<error> failure;
  auto scanned = rows.scan(from, as_key(below),
                           order == scan_order::ascending ? scan_direction::ascending
                                                          : scan_direction::descending,
                           [&](key_view key, row_words row) {
                             auto went = use(key, row);
                             if (went)
                               return *went;
                             failure = std::move(went).error();
                             return visit_result::stop;
                           });
  if (failure)
    return *std::move(failure);
  return scanned;
}

inline error damaged_key(std::string_view table) {
  return {errc::corrupt_record, "a key of table " + std::string{table} + " is damaged"};
}

/// What a scan does with each row of a table.
template <class Key, class Row, class Visitor>
result<visit_result> show_keyed_row(std::string_view table, key_view key, row_words row,
                                    Visitor& visitor) {
  key_parser parser{key};
  const Key decoded = key_codec<Key>::decode(parser);
  if (!parser.complete())
    return damaged_key(table);
  auto next = visit_result::proceed;
  auto read = read_row(row, [&](capnp::AnyPointer::Reader message) {
    next = show_row<Row>(message, visitor, decoded);
  });
  if (!read)
    return std::move(read).error();
  return next;
}

template <class Key, class Row, class... Indexes, class Visitor>
result<void> scan_table(const row_source& rows, const table<Key, Row, Indexes...>& of,
                        const key_range<Key>& range, Visitor& visitor) {
  const encoded_range<Key> bounds{of.id(), range};
  if (!bounds.fits)
    return key_too_long(of.name(), bounds.from.size());
  return scan_rows(rows, bounds.from.bytes(), bounds.below, bounds.order,
                   [&](key_view key, row_words row) {
                     return show_keyed_row<Key, Row>(of.name(), key, row, visitor);
                   });
}

template <class Index, class Key, class Row, class... Indexes, class Visitor>
result<void> scan_index(const row_source& rows, const table<Key, Row, Indexes...>& of,
                        const key_range<index_key<Index, Row>>& range, Visitor& visitor) {
  using secondary = index_key<Index, Row>;
  const encoded_range<secondary> bounds{of.template index_id<Index>(), range};
  if (!bounds.fits)
    return key_too_long(of.name(), bounds.from.size());
  const auto show = [&](key_view entry, row_words) -> result<visit_result> {
    key_parser parser{entry};
    const secondary second = key_codec<secondary>::decode(parser);
    encoded_key primary{of.id()};
    primary.add(parser.rest());
    const Key decoded = key_codec<Key>::decode(parser);
    if (!parser.complete())
      return damaged_key(of.name());
    auto row = rows.find(primary.bytes());
    if (!row)
      return std::move(row).error();
    if (row->empty())
      return error{errc::corrupt_record, "an index of table " + std::string{of.name()}
                                             + " names a row that is not there"};
    auto next = visit_result::proceed;
    auto read = read_row(*row, [&](capnp::AnyPointer::Reader message) {
      next = show_row<Row>(message, visitor, second, decoded);
    });
    if (!read)
      return std::move(read).error();
    return next;
  };
  return scan_rows(rows, bounds.from.bytes(), bounds.below, bounds.order, show);
}

} // namespace detail

/// The rows as of one position of the journal, the same for all tables of a projection; later
/// writes do not change it.
///
/// Any thread, one at a time. It keeps the pages that it sees from being reused, so drop it soon
/// (see `table_store_status::oldest_reader`). It must be gone before the runtime or the store that
/// it came from is closed.
///
/// Errors of all functions: `invalid_argument` (a key longer than `max_table_key_bytes`),
/// `corrupt_record` (a row fails its checksum or its structure), `io_failed`. What a visitor throws
/// passes through, except that `kj::Exception` becomes `corrupt_record`.
class table_view {
public:
  explicit table_view(std::unique_ptr<const detail::row_snapshot> rows) noexcept
    : rows_{std::move(rows)} {}

  /// The rows contain all events of shard `in` up to this position, and none after it.
  cairn::position position(shard_id in = {}) const noexcept { return rows_->positions().of(in); }

  /// The row with this key, or nothing.
  template <class Key, class Row, class... Indexes>
  result<std::optional<Row>> get(const table<Key, Row, Indexes...>& from,
                                 const std::type_identity_t<key_argument<Key>>& key) const {
    const auto encoded = detail::encode_key<Key>(from.id(), key);
    if (!encoded.fits())
      return detail::key_too_long(from.name(), encoded.size());
    return detail::find_row<Row>(*rows_, encoded.bytes());
  }

  /// Calls `use(Row::wire::Reader)` with the row in place; false: there is none.
  template <class Key, class Row, class... Indexes, class Use>
  result<bool> read(const table<Key, Row, Indexes...>& from,
                    const std::type_identity_t<key_argument<Key>>& key, Use use) const {
    const auto encoded = detail::encode_key<Key>(from.id(), key);
    if (!encoded.fits())
      return detail::key_too_long(from.name(), encoded.size());
    auto found = rows_->find(encoded.bytes());
    if (!found)
      return std::move(found).error();
    if (found->empty())
      return false;
    auto shown = detail::read_row(*found, [&](capnp::AnyPointer::Reader message) {
      use(message.getAs<typename schema_of<Row>::wire>());
    });
    if (!shown)
      return std::move(shown).error();
    return true;
  }

  /// Calls `visitor(key, row)` for the rows in `range`. `visitor` takes the row as a value, or as
  /// its Cap'n Proto `Reader`, in place; it returns a `visit_result`, or nothing.
  template <class Key, class Row, class... Indexes, class Visitor>
  result<void> scan(const table<Key, Row, Indexes...>& from,
                    const std::type_identity_t<key_range<Key>>& range, Visitor visitor) const {
    return detail::scan_table(*rows_, from, range, visitor);
  }

  /// Calls `visitor(secondary key, key, row)` for the rows in `range` of the index, rows with equal
  /// secondary keys in the order of their own.
  template <class Index, class Key, class Row, class... Indexes, class Visitor>
  result<void> scan_by(const table<Key, Row, Indexes...>& from,
                       const std::type_identity_t<key_range<detail::index_key<Index, Row>>>& range,
                       Visitor visitor) const {
    return detail::scan_index<Index>(*rows_, from, range, visitor);
  }

private:
  std::unique_ptr<const detail::row_snapshot> rows_;
};

/// What a projection's handler writes to. It sees its own writes, and those of the handlers of
/// earlier events.
///
/// No function reports an error: after the first failure (a key that is too long, a damaged row, a
/// row larger than 16 MiB) the event counts as failed, and all writes of the handler are dropped.
/// Valid during the call of the handler, in its thread.
class table_writer {
public:
  explicit table_writer(detail::row_sink& rows) noexcept : rows_{rows} {}

  /// The row with this key; nothing: there is none.
  template <class Key, class Row, class... Indexes>
  std::optional<Row> get(const table<Key, Row, Indexes...>& from,
                         const std::type_identity_t<key_argument<Key>>& key) const {
    const auto encoded = detail::encode_key<Key>(from.id(), key);
    return check(from.name(), encoded) ? found<Row>(encoded) : std::nullopt;
  }

  /// Writes the row, new or not.
  template <class Key, class Row, class... Indexes>
  void put(const table<Key, Row, Indexes...>& into,
           const std::type_identity_t<key_argument<Key>>& key, const Row& row) {
    const auto encoded = detail::encode_key<Key>(into.id(), key);
    if (!check(into.name(), encoded))
      return;
    std::optional<Row> before;
    if constexpr (sizeof...(Indexes) > 0)
      before = found<Row>(encoded);
    write(into, encoded, before, row);
  }

  /// Changes the row: `change(Row&)` gets it, or an empty `Row{}` if there is none yet.
  template <class Key, class Row, class... Indexes, class Change>
  void update(const table<Key, Row, Indexes...>& in,
              const std::type_identity_t<key_argument<Key>>& key, Change change) {
    const auto encoded = detail::encode_key<Key>(in.id(), key);
    if (!check(in.name(), encoded))
      return;
    auto before = found<Row>(encoded);
    Row row{};
    if (before) {
      if constexpr (sizeof...(Indexes) > 0)
        row = *before; // the entries of what was are still to be found
      else
        row = *std::move(before);
    }
    change(row);
    write(in, encoded, before, row);
  }

  /// Removes the row, if there is one.
  template <class Key, class Row, class... Indexes>
  void erase(const table<Key, Row, Indexes...>& from,
             const std::type_identity_t<key_argument<Key>>& key) {
    const auto encoded = detail::encode_key<Key>(from.id(), key);
    if (!check(from.name(), encoded))
      return;
    if constexpr (sizeof...(Indexes) > 0) {
      if (const auto before = found<Row>(encoded))
        (rows_.erase(entry<Indexes>(from, encoded, *before).bytes()), ...);
    }
    rows_.erase(encoded.bytes());
  }

  /// As `table_view::scan`; the rows must not be changed while it runs.
  template <class Key, class Row, class... Indexes, class Visitor>
  void scan(const table<Key, Row, Indexes...>& from,
            const std::type_identity_t<key_range<Key>>& range, Visitor visitor) const {
    if (auto scanned = detail::scan_table(rows_, from, range, visitor); !scanned)
      rows_.fail(std::move(scanned).error());
  }

private:
  bool check(std::string_view table, const detail::encoded_key& key) const {
    if (!key.fits())
      rows_.fail(detail::key_too_long(table, key.size()));
    return key.fits();
  }

  template <class Row>
  std::optional<Row> found(const detail::encoded_key& key) const {
    auto row = detail::find_row<Row>(rows_, key.bytes());
    if (row)
      return *std::move(row);
    rows_.fail(std::move(row).error());
    return std::nullopt;
  }

  /// The key of a row's entry in an index: the secondary key, then the row's own.
  template <class Index, class Key, class Row, class... Indexes>
  detail::encoded_key entry(const table<Key, Row, Indexes...>& of, const detail::encoded_key& key,
                            const Row& row) const {
    using secondary = detail::index_key<Index, Row>;
    detail::encoded_key made{of.template index_id<Index>()};
    detail::key_codec<secondary>::encode(made, Index::key(row));
    made.add(key.bytes().subspan(sizeof(std::uint64_t)));
    return made;
  }

  template <class Index, class Key, class Row, class... Indexes>
  void move_entry(const table<Key, Row, Indexes...>& of, const detail::encoded_key& key,
                  const std::optional<Row>& before, const Row& row) {
    const auto now = entry<Index>(of, key, row);
    if (!check(of.name(), now))
      return;
    if (before) {
      const auto old = entry<Index>(of, key, *before);
      if (detail::as_text(old.bytes()) == detail::as_text(now.bytes()))
        return;
      rows_.erase(old.bytes());
    }
    rows_.put(now.bytes(), std::vector<std::uint64_t>(1)); // a seal is all there is to it
  }

  template <class Key, class Row, class... Indexes>
  void write(const table<Key, Row, Indexes...>& into, const detail::encoded_key& key,
             const std::optional<Row>& before, const Row& row) {
    (move_entry<Indexes>(into, key, before, row), ...);
    rows_.put(key.bytes(), detail::encode_row([&](capnp::AnyPointer::Builder message) {
                schema_of<Row>::write(row, message.initAs<typename schema_of<Row>::wire>());
              }));
  }

  detail::row_sink& rows_;
};

namespace detail {

/// A table's name and the kinds of its keys and rows: rows on disk fit a program only if these are
/// the same.
struct table_shape {
  std::uint64_t id;
  std::string text; ///< "sales(t) of 9a1b2c3d4e5f6071 by-quantity(u)"
};

std::string hexadecimal(std::uint64_t number);

template <class Index, class Row>
void describe_index(std::string& to) {
  to += ' ';
  to += Index::name;
  to += '(';
  key_codec<index_key<Index, Row>>::shape(to);
  to += ')';
}

template <class Key, class Row, class... Indexes>
table_shape shape_of(const table<Key, Row, Indexes...>& of) {
  table_shape shape{of.id(), std::string{of.name()} + '('};
  key_codec<Key>::shape(shape.text);
  shape.text += ") of " + hexadecimal(type_id_of<Row>());
  (describe_index<Indexes, Row>(shape.text), ...);
  return shape;
}

} // namespace detail
} // namespace cairn
