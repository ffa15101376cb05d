@0xb6f2a4c19d3e5107;
# What the histories are of: pages onto which tokens are written.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("histories");

struct WriteTokens { token @0 :UInt64; count @1 :UInt32; }   # always accepted; 0: no event
struct WriteIfEven { token @0 :UInt64; count @1 :UInt32; }   # rejected while the digest is odd
struct ClaimKey { token @0 :UInt64; key @1 :UInt32; }        # writes one, and reserves a key

struct Written { token @0 :UInt64; index @1 :UInt32; count @2 :UInt32; }   # number `index`, from 0

struct PageState { digest @0 :UInt64; }
