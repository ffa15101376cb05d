@0xc1d243a1970ce2e5;
# Everything that is said to a shopping cart, everything that happens to one, and what one holds.
# Money is in cents of one currency.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("shop");

# Commands

struct AddItem {
  sku @0 :Text;
  quantity @1 :UInt32 = 1;
  unitPriceCents @2 :UInt64;
}

struct RemoveItem {
  sku @0 :Text;
  quantity @1 :UInt32;            # 0: all of it
}

struct CheckOut {}

# Events

struct ItemAdded {
  sku @0 :Text;
  quantity @1 :UInt32;
  unitPriceCents @2 :UInt64;
}

struct ItemRemoved {
  sku @0 :Text;
  quantity @1 :UInt32;
  unitPriceCents @2 :UInt64;      # of the line that it was taken from
}

struct CheckedOut {
  totalCents @0 :UInt64;
}

# State

struct CartLine {
  sku @0 :Text;
  quantity @1 :UInt32;
  unitPriceCents @2 :UInt64;
}

struct CartState {
  items @0 :List(CartLine);       # in the order in which they first came in
  totalCents @1 :UInt64;
  checkedOut @2 :Bool;
}

# Rows

struct Sale {
  quantity @0 :UInt64;
}

struct CartSummary {
  checkedOut @0 :Bool;
}
