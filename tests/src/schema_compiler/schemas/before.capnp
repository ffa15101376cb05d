@0xb3a1d6c4e5f70815;
# An early version of after.capnp.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("before");

enum Kind { tea @0; }

struct Order {
  label @0 :Text;
  quantity @1 :UInt32 = 1;
  kind @2 :Kind;
  lines @3 :List(Line);
}

struct Line { sku @0 :Text; }
