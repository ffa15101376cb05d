#pragma once

#include "tables/table_folders.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace cairn::detail {

/// One set of tables on disk, and what was seen of it when it was opened.
struct found_generation {
  enum class content : std::uint8_t {
    unknown,    ///< Not opened, or with rows of another shape.
    unfinished, ///< Has not caught up with the log yet.
    live,       ///< Has caught up once.
  };

  table_generation of;
  content has = content::unknown;

  bool operator==(const found_generation&) const = default;
};

/// What is done with the tables of one projection when it is opened.
struct generation_plan {
  /// Readers see these tables. Never empty after `select_generation`: without older ones these are
  /// the tables that are built.
  table_generation serving;
  bool serving_is_live = false;

  /// These tables are built beside `serving`, and take their place once they have caught up.
  std::optional<table_generation> building = {};

  /// Removed at once, because nothing will read them again. After a build has taken its place, what
  /// is older than that goes, too.
  std::vector<table_generation> removed = {};

  bool operator==(const generation_plan&) const = default;
};

/// Decides which tables serve, which are built, and which are removed.
///
/// The newest live tables of `version` or an older version serve. Unfinished tables of `version`
/// are worth going on with only if they are newer than those; of several, the newest is built. If
/// no tables are live, the oldest unfinished ones serve, because the others were begun beside them.
/// Tables of a newer version belong to a newer program, which may come back: they are left alone.
///
/// `found`: newest first, as `table_folders::find` gives them; what lies behind the first live
/// tables of `version` or older need not have been opened.
generation_plan select_generation(std::span<const found_generation> found, std::uint32_t version);

} // namespace cairn::detail
