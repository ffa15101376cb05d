#pragma once

#include "tables/keyed_rows.hpp"
#include "tables/row_merge.hpp"

#include <optional>
#include <vector>

namespace cairn::detail {

/// What the handlers of some events have written and nobody else sees yet. Each event is applied
/// whole or not at all. One thread.
class write_batch final : public row_sink {
public:
  /// A row as the batch leaves it; `words` empty: erased.
  struct change {
    std::vector<std::uint64_t> words;
    std::uint64_t event = 0; ///< The last that touched it.
  };
  using rows_by_key = keyed_rows<change>;

  /// Where rows are read that the batch has not touched; must stay until the batch is cleared or
  /// given another.
  void read_from(const row_source& below) noexcept { below_ = &below; }

  /// The changes that follow belong to one event.
  void begin_event() noexcept;
  /// Takes back what was written since the event began.
  void roll_back();

  result<row_words> find(key_view key) const override;
  result<void> scan(key_view from, key_view below, scan_direction direction,
                    row_visitor visitor) const override;
  void put(key_view key, std::vector<std::uint64_t> row) override;
  void erase(key_view key) override;
  void fail(error why) override;
  const std::optional<error>& failure() const noexcept override { return failure_; }

  // The same with another source below: of one thread each, while the batch stays as it is.
  result<row_words> find_over(const row_source& below, key_view key) const;
  result<void> scan_over(const row_source& below, key_view from, key_view up_to,
                         scan_direction direction, row_visitor visitor) const;

  bool empty() const noexcept { return rows_.size() == 0; }
  std::size_t size() const noexcept { return rows_.size(); }
  /// Estimate of what it holds in memory.
  std::size_t bytes() const noexcept { return bytes_; }

  /// All of it.
  rows_by_key& changes() noexcept { return rows_; }
  const rows_by_key& changes() const noexcept { return rows_; }
  /// Takes over all changes of another batch, as those of one more event.
  void take_over(write_batch& from);
  void clear();

private:
  struct undo {
    rows_by_key::entry* at;
    change before;
    bool is_new;
  };

  void set(key_view key, std::vector<std::uint64_t> row);

  const row_source* below_ = nullptr;
  rows_by_key rows_;
  std::vector<undo> undo_;
  std::optional<error> failure_;
  std::uint64_t event_ = 0;
  std::size_t bytes_ = 0;
};

} // namespace cairn::detail
