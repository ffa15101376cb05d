#pragma once

#include "schema_history/schema_nodes.hpp"

#include <optional>
#include <string>

namespace cairn::detail {

/// The schemas that a change leads from and to.
struct schema_change {
  const schema_nodes& before;
  const schema_nodes& after;
};

/// Why a program with the schema `after` cannot read what was written with `before`, in words that
/// name the field, old and new; nothing if it can. The two have the same id; `change` has the types
/// that they mention.
///
/// Refused is what Cap'n Proto's rules of evolution refuse, and what they cannot see: a name that
/// has moved to another number. The name of a field that was renamed to `obsolete...` may be used
/// again.
std::optional<std::string> incompatibility(const schema_node& before, const schema_node& after,
                                           const schema_change& change);

} // namespace cairn::detail
