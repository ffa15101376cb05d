@0xb3a1d6c4e5f70816;
# before.capnp, some time later: fields, an enumerant and a struct were added.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("after");

enum Kind { tea @0; coffee @1; }

struct Order {
  label @0 :Text;
  quantity @1 :UInt32 = 1;
  kind @2 :Kind;
  lines @3 :List(Line);
  priority @4 :Int8 = 5;
  note @5 :Text = "none";
  address @6 :Address;
  tags @7 :List(Text) = ["new"];
}

struct Line {
  sku @0 :Text;
  count @1 :UInt16 = 1;
}

struct Address { street @0 :Text = "unknown"; number @1 :UInt32; }
