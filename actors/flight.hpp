#pragma once

#include <cairn/detail/intrusive_ptr.hpp>
#include <cairn/journal.hpp>

#include <atomic>
#include <cstdint>

namespace cairn::detail {

/// Events of one aggregate on their way to the disk. The aggregate has evolved by them already;
/// everything that it answers from then on depends on this flight's landing.
class flight final : public ref_counted {
public:
  enum class state : std::uint8_t { in_the_air, committed, failed };

  flight(std::uint64_t first_version, std::uint64_t count) noexcept
    : first_version_{first_version}, count_{count} {}

  bool contains(std::uint64_t version) const noexcept {
    return version >= first_version_ && version < first_version_ + count_;
  }
  std::uint64_t first_version() const noexcept { return first_version_; }
  std::uint64_t last_version() const noexcept { return first_version_ + count_ - 1; }

  state status() const noexcept { return status_.load(); }

  /// Only once it is committed.
  std::uint64_t position_of(std::uint64_t version) const noexcept {
    return first_position_ + (version - first_version_);
  }

  /// By the journal's writer: none of its events will be written. The status follows when the
  /// append comes back.
  void refuse() noexcept { refused_.store(true); }
  bool refused() const noexcept { return refused_.load(); }

  // By the one who completes it, once.
  void land(std::uint64_t first_position) noexcept {
    first_position_ = first_position;
    status_.store(state::committed);
  }
  void crash() noexcept { status_.store(state::failed); }

private:
  const std::uint64_t first_version_;
  const std::uint64_t count_;
  std::uint64_t first_position_ = 0; // written before status_, read after it
  std::atomic<state> status_{state::in_the_air};
  std::atomic<bool> refused_{false};
};

} // namespace cairn::detail
