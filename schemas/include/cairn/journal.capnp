@0xd7f1c6a90b3e5a21;
# What the journal keeps in its records, after the fixed header that its writer fills in. The bytes
# around these messages are specified in persistence/FORMAT.md. Evolution: fields are only ever
# added, at the end.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::format");

struct EventRecord {
  # One event, as the party that appends it wrote it. Position, version, previous position, recorded
  # time and writer epoch are given by the journal's writer and stand in the header in front of this
  # message.

  type @0 :UInt64;
  # The Cap'n Proto type id of the payload's struct.

  commandIdHigh @1 :UInt64;
  commandIdLow @2 :UInt64;
  # The command that this event is an effect of; both 0: the command had no id.

  keyId @3 :UInt32;
  # The key that the payload is encrypted with. 0: not encrypted. No other value is written yet.

  stream @4 :Text;
  # "<aggregate type>/<aggregate id>".

  payload @5 :AnyPointer;
  # The event itself: a struct whose id is `type`.

  trace @6 :Trace;
  # Null where neither id is known.

  tags @7 :List(Text);
  # Chosen by the aggregate. Null where there are none.

  reservations @8 :List(Reservation);
  # What the command of this event did to keys; it stands in the command's first event. Not there
  # where there are none: the struct is then as long as it was before this field was added.
}

struct Reservation {
  # From this event on the key belongs to the event's stream, or to nobody.

  key @0 :Text;
  release @1 :Bool;
}

struct Trace {
  correlationHigh @0 :UInt64;
  correlationLow @1 :UInt64;
  # The conversation that the command belongs to; both 0: unknown.

  causationHigh @2 :UInt64;
  causationLow @3 :UInt64;
  # The message (command or event) that caused the command; both 0: unknown.
}

struct SnapshotRecord {
  # The state of one aggregate after the version that stands in the header in front of this message.

  stream @0 :Text;

  fingerprint @1 :UInt64;
  # Of the state's schema: a snapshot whose fingerprint differs from the program's is ignored and
  # rebuilt.

  recentCommands @2 :List(RecentCommand);
  # The deduplication window as of the version, oldest first.

  state @3 :AnyPointer;
}

struct RecentCommand {
  # A command that had an effect, remembered so that its repetition gets the same reply.

  idHigh @0 :UInt64;
  idLow @1 :UInt64;

  version @2 :UInt64;
  # Of its last event.

  position @3 :UInt64;
  # Of its last event.
}

struct SchemaGeneration {
  # One change of the schemas of what a journal holds. Its number and the time stand in the header
  # in front of this message.

  owner @0 :Text;
  # Whose types they are: an aggregate type, or what keeps rows.

  events @1 :List(UInt64);
  states @2 :List(UInt64);
  rows @3 :List(UInt64);
  # The ids of all types that the owner uses from this generation on.

  nodes @4 :List(SchemaNode);
  # The schemas that are new, or differ from those of the same ids in earlier generations; of the
  # types above and of all that they contain.
}

struct SchemaNode {
  id @0 :UInt64;

  name @1 :Text;
  # With the names of the structs around it, without the file's: "Fail.Where".

  node @2 :Data;
  # The canonical form of a `capnp.schema.Node`: the words of its one segment.
}
