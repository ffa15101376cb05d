@0xb1c5d0e2f47a9836;
# The domain of cairn-bench: an aggregate that does next to nothing, so that what is measured is
# Cairn.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("bench");

struct Add { payload @0 :Data; }
struct Added { payload @0 :Data; }
struct CounterState { count @0 :UInt64; }
struct Tally { events @0 :UInt64; bytes @1 :UInt64; lastPosition @2 :UInt64; }   # a row
