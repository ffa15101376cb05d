@0xe7a1c35d8b240f96;
# What limits are tested with: items that are put somewhere, some of them poison.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("limits");

struct PutItems { payload @0 :Data; count @1 :UInt32 = 1; poison @2 :Bool; }
struct TakePoison {}   # deciding it fails, always

struct ItemPut { payload @0 :Data; poison @1 :Bool; }

struct PileState { items @0 :UInt64; }

struct PileRow { items @0 :UInt64; lastPosition @1 :UInt64; }
