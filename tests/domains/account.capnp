@0xe5a1f0c27b9d4433;
# A small domain for the tests of the actor layer: an account that can be opened, moved and closed.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("test");

struct Deposit { amount @0 :UInt64; note @1 :Text; }
struct Withdraw { amount @0 :UInt64; }
struct Transfer { amount @0 :UInt64; fee @1 :UInt64; }   # two events, one atomic batch
struct Touch {}                                          # accepted without an event
struct Close {}
struct Fail { where @0 :Where; enum Where { decide @0; evolve @1; } }

struct Deposited { amount @0 :UInt64; note @1 :Text; }
struct Withdrawn { amount @0 :UInt64; }
struct FeeTaken { amount @0 :UInt64; }
struct Closed {}
struct Broken {}                                         # evolving by it throws

struct AccountState {
  balance @0 :UInt64;
  movements @1 :UInt64;
  closed @2 :Bool;
  lastNote @3 :Text;
}

struct Holding { balance @0 :UInt64; movements @1 :UInt64; }   # a row of a projection
