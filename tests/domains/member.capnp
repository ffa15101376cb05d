@0xd9c2a8e1f5b47366;
# Members whose addresses are unique, and whose events are found by the town they live in.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("test");

struct Join { address @0 :Text; town @1 :Text; }
struct Move { address @0 :Text; }                        # to another address
struct Leave {}
struct Greet { times @0 :UInt32 = 1; }                   # has nothing to do with addresses
struct Misbehave {
  how @0 :How;
  enum How { reserveForNothing @0; reserveNonsense @1; tagNonsense @2; }
}

struct Joined { address @0 :Text; town @1 :Text; }
struct Moved { from @0 :Text; to @1 :Text; }
struct Left {}
struct Greeted {}

struct MemberState { address @0 :Text; town @1 :Text; greetings @2 :UInt32; }
