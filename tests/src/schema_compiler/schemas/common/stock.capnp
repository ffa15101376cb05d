@0xb3a1d6c4e5f70814;

using Cxx = import "/capnp/c++.capnp";
using Price = import "money.capnp".Price;
$Cxx.namespace("catalogue::v1");

struct Stock {
  count @0 :UInt32;
  value @1 :Price;
}
