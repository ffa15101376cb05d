#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

/// Histories: what clients asked and were told, with when, and what the journal holds in the end.
/// The checker knows nothing of Cairn but its promises.
namespace histories {

/// An event as it stands in the journal: part `index` of the `count` that a command wrote.
struct mark {
  std::uint64_t token = 0; ///< Names the command, as its command id does.
  std::uint32_t index = 0;
  std::uint32_t count = 0;

  bool operator==(const mark&) const = default;
};

/// What a state becomes by an event. Any difference in what was folded, or in its order, shows.
std::uint64_t digest_after(std::uint64_t digest, const mark& event) noexcept;

inline constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

/// One call and its answer.
struct operation {
  enum class kind : std::uint8_t {
    query,
    write,         ///< Accepted whatever the state.
    write_if_even, ///< Rejected if the state's digest is odd.
    claim,         ///< A write that also wants a key, and is rejected if another page has it.
  };
  enum class outcome : std::uint8_t {
    none,            ///< No answer came: a fault of the runtime.
    accepted,        ///< With effect at `version`; or without, then seen at `version`.
    repeated,        ///< Its effect, an earlier one, is at `version`.
    rejected,        ///< Because of the state at `version`.
    conflict,        ///< Another version was expected than `version`.
    answered,        ///< A query: saw the state at `version`.
    nothing_written, ///< Failed, and had no effect.
    unknown,         ///< Failed, and may have had its effect.
  };

  kind what = kind::query;
  outcome told = outcome::none;
  std::uint32_t page = 0;
  std::uint32_t count = 0;               ///< Events that it wants to write.
  std::uint32_t key = 0;                 ///< Of a claim.
  std::uint64_t token = 0;               ///< The same in all attempts of one command; 0: a query.
  std::optional<std::uint64_t> expected; ///< Version.
  std::uint64_t invoked = 0;             ///< By a clock that all clients share and that counts up.
  std::uint64_t returned = never; ///< If the outcome is unknown: when it was settled for sure.
  std::uint64_t version = 0;
  std::uint64_t position = 0; ///< Of an accepted or repeated command with effect; 0: not told.
  std::uint64_t digest = 0;   ///< Of a query.
  std::string why;            ///< Of a failure that counts as no answer.
};

/// A page's events in the order of versions.
struct durable_event {
  std::uint64_t version = 0;
  std::uint64_t position = 0;
  mark what;
};

struct settings {
  /// A command repeated after fewer others than this has no second effect.
  std::uint64_t deduplication_window = 0;
};

/// Decides whether one page's operations can have happened one after another, each between its call
/// and its answer, and have left `events`. Tells each contradiction, but gives up after a few.
///
/// Answers carry versions, so the order of effects is not searched for but known: an operation has
/// a place (behind the event that it wrote or saw), and the history is linearizable if and only if
/// no operation that began after another had ended has a place before it, and each answer is what
/// the fold up to its place makes it. That takes O(n log n) for n operations.
///
/// Of a command that was told as "repeated" it is known that its effect was there by then. One of
/// unknown outcome had its effect once at most, after its call, and not after it was settled.
void check_page(const std::vector<operation>& operations, const std::vector<durable_event>& events,
                const settings& with, const std::function<void(const std::string&)>& contradiction);

/// For people.
std::string describe(const operation& what);

} // namespace histories
