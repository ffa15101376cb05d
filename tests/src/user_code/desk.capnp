@0xa3c5e7f90b1d2f46;
# A desk on which notes are put: the model of the matrix of places and calls.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("test");

struct PutNote { text @0 :Text; }
struct Upset {}                     # its event cannot be evolved by: the state is rebuilt

struct NotePut { text @0 :Text; }
struct Toppled {}

struct DeskState { notes @0 :UInt64; }
struct BoardRow { notes @0 :UInt64; }  # a row of a projection
