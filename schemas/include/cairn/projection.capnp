@0xe2b7d94c5a10f863;
# What a projection keeps beside its rows. The bytes around it are specified in
# persistence/FORMAT.md. Evolution: fields are only ever added, at the end.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::format");

struct ProjectionDecision {
  # What an operator decided about an event that a projection could not apply.

  enum Kind {
    retry @0;  # try it again
    park @1;   # go on behind it; it is on the list of events to be looked after
    skip @2;   # go on behind it; it does not matter
  }

  kind @0 :Kind;
  attempts @1 :UInt32;      # made before the decision
  position @2 :UInt64;      # of the event
  version @3 :UInt64;       # of the event, in its stream
  type @4 :UInt64;          # of the event: the id of its Cap'n Proto type
  decidedAtNs @5 :UInt64;   # since 1970-01-01T00:00:00Z
  stream @6 :Text;
  error @7 :Text;           # why the event could not be applied
  reason @8 :Text;          # what the operator said
}
