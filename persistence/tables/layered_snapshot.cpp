#include "tables/layered_snapshot.hpp"

namespace cairn::detail {

/// The layers from one on, and the disk: what `scan_over` lays the layer above over.
class layered_snapshot::rest final : public row_source {
public:
  rest(const layered_snapshot& view, std::size_t layer) noexcept : view_{view}, layer_{layer} {}

  result<row_words> find(key_view key) const override { return view_.find(key); }
  result<void> scan(key_view from, key_view below, scan_direction direction,
                    row_visitor visitor) const override {
    return view_.scan_from(layer_, from, below, direction, visitor);
  }

private:
  const layered_snapshot& view_;
  std::size_t layer_;
};

result<row_words> layered_snapshot::find(key_view key) const {
  for (const auto& layer : layers_)
    if (const auto row = layer->find(key, revision_))
      return *row;
  return disk_ ? stored_rows{disk_->cursor()}.find(key) : result<row_words>{row_words{}};
}

result<void> layered_snapshot::scan(key_view from, key_view below, scan_direction direction,
                                    row_visitor visitor) const {
  return scan_from(0, from, below, direction, visitor);
}

result<void> layered_snapshot::scan_from(std::size_t layer, key_view from, key_view below,
                                         scan_direction direction, row_visitor visitor) const {
  if (layer == layers_.size())
    return disk_ ? stored_rows{disk_->cursor()}.scan(from, below, direction, visitor)
                 : result<void>{};
  memtable::walk newer{*layers_[layer], from, below, direction, revision_};
  return scan_over(
      rest{*this, layer + 1}, from, below, direction, [&] { return newer.next(); }, visitor);
}

} // namespace cairn::detail
