#pragma once

#include "aggregates/activation.hpp"
#include "aggregates/engine.hpp"

#include <cairn/detail/host.hpp>

#include <tsl/robin_set.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace cairn::detail {

class copied_replay;

/// The directory of one aggregate type: finds the activation of an id, or makes it. Any thread.
class type_host final : public aggregate_host {
public:
  type_host(std::shared_ptr<engine> owner, std::unique_ptr<aggregate_model> model);

  void post(std::string_view id, request_ptr work) override;
  const aggregate_model& model() const noexcept override { return *model_; }
  result<cairn::version> replay(std::string_view id, cairn::version from_version,
                                cairn::version to_version, event_visitor visitor) const override;
  result<subscription> subscribe(const event_selection& selection,
                                 const subscription_options& options,
                                 std::function<void(const event_view&)> handler) const override;

  engine& owner() noexcept { return *engine_; }

  /// Takes an activation that has closed its inbox out of the directory.
  void remove(const activation& over);

  static constexpr std::size_t shard_count = 64; // 6 bits of the hash

  /// Asks those of the next `shards` shards to passivate that have been idle for the type's
  /// timeout. One thread.
  void sweep_idle(std::size_t shards, std::chrono::steady_clock::time_point now);

  /// Asks up to `wanted` of one shard to passivate; those used since the last such visit are
  /// spared, and marked, unless `sparing` is false. Returns how many are leaving.
  std::size_t sweep_excess(std::size_t shard, std::size_t wanted, bool sparing);

  void passivate_all();

private:
  /// An id with its hash, so that neither shard nor set computes it again.
  struct key {
    std::string_view id;
    std::size_t hash;
  };
  struct key_hash {
    using is_transparent = void;
    std::size_t operator()(const key& of) const noexcept { return of.hash; }
    std::size_t operator()(const intrusive_ptr<activation>& of) const noexcept {
      return key_of(of->stream().id()).hash;
    }
  };
  struct same_id {
    using is_transparent = void;
    bool operator()(const intrusive_ptr<activation>& a, const key& b) const noexcept {
      return a->stream().id() == b.id;
    }
    bool operator()(const key& a, const intrusive_ptr<activation>& b) const noexcept {
      return (*this)(b, a);
    }
    bool operator()(const intrusive_ptr<activation>& a,
                    const intrusive_ptr<activation>& b) const noexcept {
      return a == b;
    }
  };
  /// Flat, and with the hash beside the pointer: a look-up touches one cache line of it, and then
  /// the activation itself.
  using directory = tsl::robin_set<intrusive_ptr<activation>, key_hash, same_id,
                                   std::allocator<intrusive_ptr<activation>>, true>;
  /// On a cache line of its own: neighbours are locked by other threads.
  struct alignas(64) shard {
    std::mutex mutex;
    directory activations;
  };

  static key key_of(std::string_view id) noexcept;
  shard& shard_of(const key& of) noexcept {
    return shards_[of.hash >> 58]; // the set uses the low bits
  }

  result<void> copy(copied_replay& replay) const;

  error too_much_under_way() const;
  static error runtime_is_closed();
  static error journal_has_stopped();

  result<intrusive_ptr<activation>> find_or_activate(std::string_view id);
  result<intrusive_ptr<activation>> activate(shard& home, std::string_view id);

  std::shared_ptr<engine> engine_;
  std::unique_ptr<aggregate_model> model_;
  std::array<shard, shard_count> shards_;
  std::size_t hand_ = 0; // of sweep_idle
};

} // namespace cairn::detail
