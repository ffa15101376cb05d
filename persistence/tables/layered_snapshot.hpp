#pragma once

#include "tables/memtable.hpp"
#include "tables/table_env.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace cairn::detail {

/// Layers in memory over the rows on disk, as of one revision.
class layered_snapshot final : public row_snapshot {
public:
  using layers = std::vector<std::shared_ptr<const memtable>>; // newest first

  /// `disk`: empty with rows in memory only. `released` is called at the end, and `store` let go
  /// of after it.
  layered_snapshot(std::optional<reader_pool::lease> disk, layers above, std::uint64_t revision,
                   shard_positions positions = {}, std::shared_ptr<const void> store = {},
                   std::function<void()> released = {})
    : store_{std::move(store)}, disk_{std::move(disk)}, layers_{std::move(above)},
      revision_{revision}, positions_{std::move(positions)}, released_{std::move(released)} {}
  ~layered_snapshot() override {
    disk_.reset();
    if (released_)
      released_();
  }
  layered_snapshot(const layered_snapshot&) = delete;
  layered_snapshot& operator=(const layered_snapshot&) = delete;

  const shard_positions& positions() const noexcept override { return positions_; }
  result<row_words> find(key_view key) const override;
  result<void> scan(key_view from, key_view below, scan_direction direction,
                    row_visitor visitor) const override;

private:
  class rest; // what lies below a layer

  result<void> scan_from(std::size_t layer, key_view from, key_view below, scan_direction direction,
                         row_visitor visitor) const;

  std::shared_ptr<const void> store_; // first, so that it goes last
  std::optional<reader_pool::lease> disk_;
  layers layers_;
  std::uint64_t revision_;
  shard_positions positions_;
  std::function<void()> released_;
};

} // namespace cairn::detail
