#pragma once

#include "schema_history/schema_nodes.hpp"

#include <cairn/event_readers.hpp>
#include <cairn/journal_schemas.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cairn::detail {

/// What the generations of schemas in a journal add up to, and what a further declaration means to
/// them.
class schema_history {
public:
  /// Takes in all generations of `from`. Errors: those of `journal::visit_schemas`.
  static result<schema_history> of(const schema_registry& from);

  /// Takes in the next generation. Throws `kj::Exception`.
  void add(const schema_generation& next);

  std::uint64_t last() const noexcept { return last_; }

  /// The newest schema of each type.
  const schema_nodes& newest() const noexcept { return newest_; }
  schema_nodes take_newest() && { return std::move(newest_); }

  /// The event types that the owner had and has no more: not a fault if none of them occurs.
  std::vector<std::uint64_t> vanished_events(const schema_declaration& used) const;

  /// The words of the generation (a `format::SchemaGeneration`) that the declaration makes
  /// necessary; empty: none. Errors: `incompatible_schema`.
  result<std::vector<std::uint64_t>> judge(const schema_declaration& used) const;

private:
  struct owned_types {
    std::vector<std::uint64_t> events, states, rows; // each in ascending order
    bool operator==(const owned_types&) const = default;
  };

  static owned_types types_of(const schema_declaration& used);
  std::set<std::uint64_t> held_to_the_rules(const owned_types& types,
                                            const schema_nodes& used) const;
  bool known_before(const schema_node& node, bool held, const schema_nodes& used) const;
  std::optional<error> objection_to(const std::string& owner, const schema_node& node,
                                    const schema_nodes& used) const;

  std::uint64_t last_ = 0;
  schema_nodes newest_;
  std::map<std::uint64_t, std::uint64_t> newest_in_; // the generation that holds the newest
  std::multimap<std::uint64_t, schema_node> older_;
  std::map<std::string, owned_types> owners_;
};

/// `schema_registry::declare_schemas` of every journal: what has to be recorded, if anything. `log`
/// is searched for events of types that `used` lacks. Errors: as there.
result<std::vector<std::uint64_t>>
judge_schemas(const schema_registry& known, const log_reader& log, const schema_declaration& used);

} // namespace cairn::detail
