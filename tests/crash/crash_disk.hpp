#pragma once

#include "io_shim.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace crash {

using test::io_call;
using test::io_failure;
using test::io_observer;

/// One thing that happened to the files of a directory, or to whoever waits for them.
struct io_event {
  enum class kind {
    write,
    truncate,
    sync,           ///< Everything before it in this file is durable.
    sync_write,     ///< The write with the index `offset` is durable.
    sync_directory, ///< Every name is durable.
    rename,
    acknowledged, ///< Somebody was told that `offset` is durable.
  };
  kind what;
  std::string path = {};
  std::string new_path = {};
  std::uint64_t offset = 0;
  std::vector<std::byte> bytes = {};
};

/// Records what happens to a directory, in the order of happening. Any thread.
class io_recorder final : public io_observer {
public:
  std::optional<io_failure> before(const io_call& call) override;
  void after(const io_call& call, bool succeeded) override;

  void acknowledged(std::uint64_t what);

  /// Once nothing is written any more.
  const std::vector<io_event>& events() const noexcept { return events_; }

private:
  std::mutex mutex_;
  std::vector<io_event> events_;
  std::map<std::string, std::size_t> synchronous_; // path -> index of the write under way
};

/// One of the many states that a power cut may leave on the disk.
///
/// Of what was not synced a disk loses or keeps what it likes, in any order, and of a single write
/// any of its sectors; a file may have grown although the bytes are not there. Names are kept in
/// the order in which they were given (as journaling file systems do), up to any point.
struct crash_state {
  struct kept_write {
    std::size_t event;
    std::vector<bool> sectors; ///< Those that are there; empty: all.
    bool operator<(const kept_write& other) const noexcept {
      return std::tie(event, sectors) < std::tie(other.event, other.sectors);
    }
  };

  std::size_t point = 0;   ///< The power was cut before the event with this index.
  std::size_t settled = 0; ///< What was durable or told by then: everything up to this event.
  std::vector<kept_write> writes; ///< Of the others.
  std::size_t names = 0;          ///< So many of the unsynced names are there.

  /// Points at which the same is on the disk, and the same was told, are the same state.
  bool operator<(const crash_state& other) const noexcept {
    return std::tie(settled, writes, names) < std::tie(other.settled, other.writes, other.names);
  }
};

/// Follows a recording and knows, at each of its points, what is durable and what is not yet.
class crash_disk {
public:
  static constexpr std::size_t sector_bytes = 512;

  explicit crash_disk(const std::vector<io_event>& events) : events_{events} {}

  /// Goes on to just before the event with this index, which does not lie behind.
  void advance(std::size_t point);

  /// The highest number that somebody had been told by then.
  std::uint64_t acknowledged() const noexcept { return acknowledged_; }

  enum class mode {
    nothing,    ///< Only what was synced.
    everything, ///< All that was written.
    prefix,     ///< All up to some write, which may be torn.
    subset,     ///< Any of the writes, any of them torn.
  };
  /// A state that the disk may be in at this point.
  crash_state draw(mode how, std::mt19937_64& random) const;

  /// Makes the files of a state at this point in `directory`.
  void build(const crash_state& state, const std::filesystem::path& directory) const;

private:
  using image = std::vector<std::byte>;
  using file_number = std::size_t;
  struct unsynced_write {
    std::size_t event;
    file_number file;
  };
  struct name_change {
    std::string from; // empty: the file is new
    std::string to;
    file_number file;
  };

  void follow(std::size_t index);
  file_number file_called(const std::string& path);
  template <class Settles>
  void settle_writes(Settles&& settles);
  static void apply(image& into, const io_event& event, const std::vector<bool>& sectors);
  std::vector<bool> tear(std::size_t event, std::mt19937_64& random) const;

  const std::vector<io_event>& events_;
  std::size_t point_ = 0;
  std::size_t settled_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::vector<image> files_;                         // what is durable of each
  std::map<std::string, file_number> names_now_;     // as the program sees them
  std::map<std::string, file_number> names_durable_; // as a power cut would leave them
  std::vector<unsynced_write> unsynced_;
  std::vector<name_change> unsynced_names_;
};

} // namespace crash
