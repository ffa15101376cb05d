#include "views.hpp"

namespace shop {

void best_sellers::project(cairn::table_writer& to, const cairn::event_info&, const item_added& e) {
  to.update(sales, e.sku, [&](sale& row) { row.quantity += e.quantity; });
}

void best_sellers::project(cairn::table_writer& to, const cairn::event_info&,
                           const item_removed& e) {
  auto row = to.get(sales, e.sku);
  if (!row)
    return; // decide lets nothing out that is not in
  row->quantity -= e.quantity;
  if (row->quantity == 0)
    to.erase(sales, e.sku);
  else
    to.put(sales, e.sku, *row);
}

void cart_list::project(cairn::table_writer& to, const cairn::event_info& at, ItemAdded::Reader) {
  if (at.version == cairn::version{1})
    to.put(carts, at.aggregate_id, {});
}

void cart_list::project(cairn::table_writer& to, const cairn::event_info& at, const checked_out&) {
  to.put(carts, at.aggregate_id, {.checked_out = true});
}

} // namespace shop
