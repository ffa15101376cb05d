@0xb3a1d6c4e5f70813;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("money");

enum Currency { eur @0; usd @1; }

struct Price {
  cents @0 :UInt64;
  currency @1 :Currency = usd;
}
