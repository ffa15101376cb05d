#pragma once

#include <cairn/lmdb_journal.hpp>
#include <cairn/memory_journal.hpp>

#include <utility>
#include <variant>

namespace cairn {

/// Events on disk, in a journal that at most one process writes at a time. Projections keep their
/// tables in `projections/` below its directory.
///
///     cairn::runtime::open({.storage = cairn::lmdb{"concerts"}})
using lmdb = lmdb_journal_options;

/// Events and tables in memory. Everything is lost when the runtime closes: for tests, and for
/// aggregates whose history may die with the process.
///
///     cairn::runtime::open({.storage = cairn::in_memory{}})
using in_memory = memory_journal_options;

/// Where a runtime keeps its events: `lmdb` or `in_memory`. There is no default: if a program does
/// not name a storage, it does not compile, instead of losing its events when it ends.
class storage {
public:
  storage(lmdb on_disk) : chosen_{std::move(on_disk)} {}
  storage(in_memory options) : chosen_{std::move(options)} {}

  /// The options of the storage if it is of this kind (`lmdb` or `in_memory`), else null.
  template <class Kind>
  Kind* get_if() noexcept {
    return std::get_if<Kind>(&chosen_);
  }
  template <class Kind>
  const Kind* get_if() const noexcept {
    return std::get_if<Kind>(&chosen_);
  }

private:
  std::variant<lmdb, in_memory> chosen_;
};

} // namespace cairn
