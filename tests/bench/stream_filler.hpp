#pragma once

#include <cairn/journal.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace bench {

/// The streams of the aggregates 0 to `count` - 1.
std::vector<cairn::stream_id> streams_of(std::size_t count);

/// Opens the journal; throws `failure`.
std::unique_ptr<cairn::journal> open_journal(const std::filesystem::path& directory);

/// Fills a journal faster than commands do: the events of `counter`, straight to the journal.
class stream_filler final : public cairn::append_listener {
public:
  stream_filler(cairn::journal& into, std::size_t payload);
  ~stream_filler();

  /// Appends so many events to the stream in one operation; `stream` must live until `settle`. May
  /// block, so that the journal's queue stays within its bound.
  void append(const cairn::stream_id& stream, std::size_t events);

  /// Waits until everything is durable. Throws `failure` if something is not.
  void settle();

  void
  on_completed(std::vector<std::unique_ptr<cairn::append_operation>> operations) noexcept override;

private:
  void wait_for_at_most(std::size_t events);

  cairn::journal& journal_;
  std::vector<std::byte> data_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t under_way_ = 0; // events
  std::optional<std::string> failure_;
};

/// Makes a journal in which each stream has `depth` events, scattered: all streams get their first
/// event in random order, then all their second, and so on.
void fill_scattered(const std::filesystem::path& directory,
                    const std::vector<cairn::stream_id>& streams, std::size_t depth,
                    std::size_t payload);

} // namespace bench
