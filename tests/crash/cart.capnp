@0xd1b8a0c0f2b34e67;
# What the crash test writes: carts that are created, modified and deleted by many clients at once.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("crash");

struct Create {}
struct Modify { events @0 :UInt32; }   # so many events, one atomic batch
struct DeleteCart {}

struct Created {}
struct Modified { index @0 :UInt32; count @1 :UInt32; }   # number `index`, from 0, of `count`
struct Deleted {}

struct CartState {
  exists @0 :Bool;
  deleted @1 :Bool;
  modifications @2 :UInt64;
}

# A row of the projections: what happened to one cart, or in all

struct Tally {
  events @0 :UInt64;
  lastPosition @1 :UInt64;
  deleted @2 :Bool;
}
