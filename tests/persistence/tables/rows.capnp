@0xb6c3a1f0472e95d8;
# The rows of the tests of tables.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::test");

struct Sale {
  quantity @0 :UInt64;
  note @1 :Text;
}
