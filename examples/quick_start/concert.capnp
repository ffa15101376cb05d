@0xb55e8a2d4a773a95;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("concert");

struct ReserveSeats  { guest @0 :Text; seats @1 :UInt32; }
struct SeatsReserved { guest @0 :Text; seats @1 :UInt32; }
struct Hall          { taken @0 :UInt32; }
