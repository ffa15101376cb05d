#include "history.hpp"

#include <algorithm>
#include <sstream>
#include <unordered_map>

namespace histories {
namespace {

constexpr std::size_t most_contradictions = 5;

/// A command's events in the journal.
struct effect {
  std::uint64_t token = 0;
  std::uint64_t first = 0, last = 0; ///< Versions.
  std::uint64_t position = 0;        ///< Of the last.
  std::size_t number = 0;            ///< Of effects on this page before it.
  const operation* told = nullptr;   ///< The attempt that was accepted for it.
};

/// Where in the order of effects something happened, and when that may have been. `place` is odd
/// for an effect and even for what was seen behind it.
struct moment {
  std::uint64_t place = 0;
  std::uint64_t invoked = 0;
  std::uint64_t returned = never;
  const operation* of = nullptr;
};

std::uint64_t place_of_effect(std::uint64_t last_version) {
  return 2 * last_version - 1;
}
std::uint64_t place_behind(std::uint64_t version) {
  return 2 * version;
}

bool had_effect(const operation& asked) {
  return asked.told == operation::outcome::accepted && asked.count > 0;
}

class page_check {
public:
  page_check(const std::vector<operation>& operations, const std::vector<durable_event>& events,
             const settings& with, const std::function<void(const std::string&)>& contradiction)
    : operations_{operations}, events_{events}, with_{with}, contradiction_{contradiction} {}

  void run() {
    if (!read_journal())
      return; // nothing else would make sense
    for (const auto& asked : operations_)
      check_answer(asked);
    for (const auto& asked : operations_)
      attribute(asked);
    check_tokens();
    check_real_time();
  }

private:
  void fail(const std::string& what) {
    if (++found_ <= most_contradictions)
      contradiction_(what);
  }

  /// Versions without a gap, positions upwards, each command's events together and complete.
  bool read_journal() {
    digests_.assign(1, 0);
    boundaries_.assign(1, true);
    for (std::size_t i = 0; i < events_.size(); ++i) {
      const auto& event = events_[i];
      const auto& before = i == 0 ? mark{} : events_[i - 1].what;
      const bool opens = event.what.index == 0;
      const bool fits = i == 0 || before.index + 1 == before.count
                            ? opens
                            : event.what == mark{before.token, before.index + 1, before.count};
      if (event.version != i + 1 || (i > 0 && event.position <= events_[i - 1].position) || !fits
          || event.what.index >= event.what.count) {
        fail("the journal's event " + std::to_string(event.version) + " does not follow event "
             + std::to_string(i));
        return false;
      }
      digests_.push_back(digest_after(digests_.back(), event.what));
      boundaries_.push_back(event.what.index + 1 == event.what.count);
      if (opens)
        effects_.push_back({event.what.token, event.version, 0, 0, effects_.size(), nullptr});
      effects_.back().last = event.version;
      effects_.back().position = event.position;
    }
    if (!boundaries_.back())
      fail("the last command in the journal is there in part");
    for (std::size_t i = 0; i < effects_.size(); ++i) {
      by_version_[effects_[i].last] = i;
      by_token_[effects_[i].token].push_back(i);
    }
    return boundaries_.back();
  }

  bool is_state(std::uint64_t version) const {
    return version < boundaries_.size() && boundaries_[version];
  }

  effect* effect_at(std::uint64_t last_version, std::uint64_t token) {
    const auto at = by_version_.find(last_version);
    if (at == by_version_.end() || effects_[at->second].token != token)
      return nullptr;
    return &effects_[at->second];
  }

  /// Whether the answer is what the fold up to its version makes it.
  void check_answer(const operation& asked) {
    using outcome = operation::outcome;
    switch (asked.told) {
      case outcome::none: fail("no answer: " + describe(asked)); break;
      case outcome::accepted:
        if (had_effect(asked))
          return check_accepted(asked);
        check_seen(asked);
        break;
      case outcome::repeated: check_repeated(asked); break;
      case outcome::rejected: check_seen(asked); break;
      case outcome::conflict: check_seen(asked); break;
      case outcome::answered:
        if (check_seen(asked) && digests_[asked.version] != asked.digest)
          fail("not the state of that version: " + describe(asked));
        break;
      case outcome::nothing_written:
      case outcome::unknown: break;
    }
  }

  void check_accepted(const operation& asked) {
    auto* const made = effect_at(asked.version, asked.token);
    if (!made || made->last - made->first + 1 != asked.count)
      return fail("accepted, and not in the journal like this: " + describe(asked));
    if (asked.position != made->position)
      fail("told a wrong position: " + describe(asked));
    if (made->told)
      fail("accepted twice for one effect: " + describe(asked));
    made->told = &asked;
    check_allowed(asked, made->first - 1);
  }

  /// Whether the command could be accepted at this version.
  void check_allowed(const operation& asked, std::uint64_t version) {
    if (asked.expected && *asked.expected != version)
      fail("accepted at another version than expected: " + describe(asked));
    if (asked.what == operation::kind::write_if_even && digests_[version] % 2 != 0)
      fail("accepted by a state that rejects it: " + describe(asked));
  }

  void check_repeated(const operation& asked) {
    const auto* const made = effect_at(asked.version, asked.token);
    if (!made)
      return fail("repeated, and not in the journal like this: " + describe(asked));
    if (asked.position != made->position)
      fail("told another position than before: " + describe(asked));
  }

  /// Whether there is such a state, in which a command has no effect and gets this answer.
  bool check_seen(const operation& asked) {
    if (!is_state(asked.version)) {
      fail("saw a state that has never been: " + describe(asked));
      return false;
    }
    if (asked.told == operation::outcome::accepted)
      check_allowed(asked, asked.version);
    if (asked.told == operation::outcome::conflict
        && (!asked.expected || *asked.expected == asked.version))
      fail("a conflict with the expected version: " + describe(asked));
    if (asked.told == operation::outcome::rejected) {
      if (asked.expected && *asked.expected != asked.version)
        fail("rejected, but there was a conflict before that: " + describe(asked));
      if (asked.what == operation::kind::write
          || (asked.what == operation::kind::write_if_even && digests_[asked.version] % 2 == 0))
        fail("rejected by a state that accepts it: " + describe(asked));
    }
    if (asked.token != 0 && asked.count > 0)
      check_not_forgotten(asked);
    return true;
  }

  /// A command whose effect the window still holds is not judged again.
  void check_not_forgotten(const operation& asked) {
    const auto own = by_token_.find(asked.token);
    if (own == by_token_.end())
      return;
    for (const auto index : own->second) {
      const auto& made = effects_[index];
      if (made.last <= asked.version
          && effects_up_to(asked.version) - made.number - 1 < with_.deduplication_window)
        fail("judged again although it had its effect: " + describe(asked));
    }
  }

  /// How many effects there were at a version.
  std::uint64_t effects_up_to(std::uint64_t version) const {
    const auto after =
        std::upper_bound(effects_.begin(), effects_.end(), version,
                         [](std::uint64_t at, const effect& made) { return at < made.last; });
    return static_cast<std::uint64_t>(after - effects_.begin());
  }

  /// Keeps what the answer says about time.
  void attribute(const operation& asked) {
    using outcome = operation::outcome;
    const auto note = [&](std::uint64_t place) {
      moments_.push_back({place, asked.invoked, asked.returned, &asked});
    };
    switch (asked.told) {
      case outcome::accepted:
        note(had_effect(asked) ? place_of_effect(asked.version) : place_behind(asked.version));
        break;
      case outcome::rejected:
      case outcome::conflict:
      case outcome::answered: note(place_behind(asked.version)); break;
      case outcome::repeated:
        // By its end the effect was there; what it began after does not matter.
        endings_.push_back({place_of_effect(asked.version), 0, asked.returned, &asked});
        break;
      case outcome::unknown: unknown_[asked.token].push_back(&asked); break;
      case outcome::none:
      case outcome::nothing_written: break;
    }
  }

  /// Each effect has an attempt that it comes from, and none comes too soon after another one.
  void check_tokens() {
    for (const auto& [token, own] : by_token_) {
      std::vector<const effect*> untold;
      for (std::size_t i = 0; i < own.size(); ++i) {
        const auto& made = effects_[own[i]];
        if (i > 0 && made.number - effects_[own[i - 1]].number - 1 < with_.deduplication_window)
          fail("command " + std::to_string(token) + " has its effect twice, in version "
               + std::to_string(effects_[own[i - 1]].last) + " and in version "
               + std::to_string(made.last));
        if (!made.told)
          untold.push_back(&made);
      }
      const auto unknown = unknown_.find(token);
      const auto attempts = unknown == unknown_.end() ? 0 : unknown->second.size();
      if (untold.size() > attempts)
        fail("in the journal, though nobody was told that it might be: command "
             + std::to_string(token) + ", version " + std::to_string(untold.front()->last));
      else if (!untold.empty())
        attribute_unknown(untold, unknown->second);
    }
  }

  /// Effects of attempts of which no more is known.
  void attribute_unknown(const std::vector<const effect*>& untold,
                         const std::vector<const operation*>& attempts) {
    std::uint64_t begun = never, settled = 0;
    for (const auto* const asked : attempts) {
      begun = std::min(begun, asked->invoked);
      settled = std::max(settled, asked->returned);
    }
    for (const auto* const made : untold) {
      if (attempts.size() == 1)
        check_unknown(*made, *attempts.front());
      moments_.push_back({place_of_effect(made->last), begun, settled, attempts.front()});
    }
  }

  void check_unknown(const effect& made, const operation& asked) {
    if (made.last - made.first + 1 != asked.count)
      fail("not the events that were asked for: " + describe(asked));
    check_allowed(asked, made.first - 1);
  }

  /// No operation that began after another had ended is placed before it.
  void check_real_time() {
    std::sort(moments_.begin(), moments_.end(),
              [](const moment& a, const moment& b) { return a.invoked < b.invoked; });
    std::vector<const moment*> by_end;
    for (const auto& known : moments_)
      by_end.push_back(&known);
    for (const auto& known : endings_)
      by_end.push_back(&known);
    std::sort(by_end.begin(), by_end.end(),
              [](const moment* a, const moment* b) { return a->returned < b->returned; });
    const moment* latest = nullptr;
    std::size_t ended = 0;
    for (const auto& one : moments_) {
      for (; ended < by_end.size() && by_end[ended]->returned < one.invoked; ++ended)
        if (!latest || by_end[ended]->place > latest->place)
          latest = by_end[ended];
      if (latest && one.place < latest->place)
        fail("out of order: " + describe(*one.of)
             + " began after this had ended: " + describe(*latest->of));
    }
  }

  const std::vector<operation>& operations_;
  const std::vector<durable_event>& events_;
  const settings with_;
  const std::function<void(const std::string&)>& contradiction_;
  std::size_t found_ = 0;

  std::vector<std::uint64_t> digests_; // by version
  std::vector<bool> boundaries_;       // whether a command ended there
  std::vector<effect> effects_;
  std::unordered_map<std::uint64_t, std::size_t> by_version_;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_token_;
  std::unordered_map<std::uint64_t, std::vector<const operation*>> unknown_;
  std::vector<moment> moments_;
  std::vector<moment> endings_;
};

const char* name_of(operation::kind what) {
  switch (what) {
    case operation::kind::query: return "query";
    case operation::kind::write: return "write";
    case operation::kind::write_if_even: return "write if even";
    case operation::kind::claim: return "claim";
  }
  return "";
}

const char* name_of(operation::outcome told) {
  switch (told) {
    case operation::outcome::none: return "no answer";
    case operation::outcome::accepted: return "accepted";
    case operation::outcome::repeated: return "repeated";
    case operation::outcome::rejected: return "rejected";
    case operation::outcome::conflict: return "conflict";
    case operation::outcome::answered: return "answered";
    case operation::outcome::nothing_written: return "nothing written";
    case operation::outcome::unknown: return "unknown";
  }
  return "";
}

} // namespace

std::uint64_t digest_after(std::uint64_t digest, const mark& event) noexcept {
  // The finalizer of SplitMix64 (Steele, Lea, Flood, 2014), once for each number.
  const auto mix = [](std::uint64_t bits) {
    bits += 0x9e3779b97f4a7c15;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
    return bits ^ (bits >> 31);
  };
  return mix(mix(digest ^ mix(event.token)) + event.index);
}

void check_page(const std::vector<operation>& operations, const std::vector<durable_event>& events,
                const settings& with,
                const std::function<void(const std::string&)>& contradiction) {
  page_check{operations, events, with, contradiction}.run();
}

std::string describe(const operation& what) {
  std::ostringstream text;
  text << name_of(what.what) << " on page " << what.page;
  if (what.token != 0)
    text << ", command " << what.token << " of " << what.count << " events";
  if (what.expected)
    text << ", expecting version " << *what.expected;
  text << ", called at " << what.invoked << ": " << name_of(what.told) << " at version "
       << what.version;
  if (!what.why.empty())
    text << ", " << what.why;
  if (what.returned != never)
    text << ", at " << what.returned;
  return text.str();
}

} // namespace histories
