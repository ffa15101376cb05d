@0xc8d1f7a4e3b05266;
# A ledger whose events have changed in each way that the schema's own rules do not cover. An older
# program wrote the V types; `golden/ledger.mdb` is its journal.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("test");

struct Enter { label @0 :Text; cents @1 :Int64; currency @2 :Text; }

struct EntryMade @0xf101a2b3c4d5e6f7 { label @0 :Text; cents @1 :Int64; currency @2 :Text; }
struct Described @0xf102a2b3c4d5e6f7 { owner @0 :Text; name @1 :Text; }

struct EntryMadeV1 @0xf103a2b3c4d5e6f7 { label @0 :Text; euros @1 :Int32; }     # another meaning
struct EntryMadeV2 @0xf104a2b3c4d5e6f7 { label @0 :Text; cents @1 :Int64; }     # another name
struct TransferredV1 @0xf105a2b3c4d5e6f7 { from @0 :Text; to @1 :Text; euros @2 :Int32; } # split
struct OwnerSetV1 @0xf106a2b3c4d5e6f7 { owner @0 :Text; }                       # merged ...
struct NameSetV1 @0xf107a2b3c4d5e6f7 { name @0 :Text; }                         # ... with this
struct PrintedV1 @0xf108a2b3c4d5e6f7 {}                                         # of no interest

struct LedgerState {
  lines @0 :List(Text);
  cents @1 :Int64;
  owner @2 :Text;
  name @3 :Text;
}
