@0xb5c1d0e2f3a49687;
# Events of a stream type that exists for tests only.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::test");

struct Noted @0x9a1b2c3d4e5f6071 {
  number @0 :UInt64;
  text @1 :Text;
  blob @2 :Data;
}

struct Tally @0x8b7a6c5d4e3f2011 {
  sum @0 :UInt64;
}
