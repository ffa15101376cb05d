@0xd3f0a7c2915be684;
# Values that nest as deep as one likes.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("numbers");

struct Tree { label @0 :UInt32; branches @1 :List(Tree); }
struct Forest { name @0 :Text; first @1 :Tree; others @2 :List(List(Tree)); }  # not itself endless

struct Plant { tree @0 :Tree; }               # a command with a value of the caller's
struct Grow { levels @0 :UInt32; }            # one with a value that decide makes
struct Lengthen { levels @0 :UInt32; }        # small events, that make the state deep

struct Planted { tree @0 :Tree; }
struct Lengthened { levels @0 :UInt32; }

struct GroveState { tree @0 :Tree; events @1 :UInt32; }
