@0xb3a1d6c4e5f70812;
# Every kind of field that a value struct can have.

using Cxx = import "/capnp/c++.capnp";
using Annotate = import "/cairn/cairn.capnp";
using Money = import "common/money.capnp";
using Stock = import "/common/stock.capnp".Stock;
$Cxx.namespace("catalogue::v1");

const greeting :Text = "ignored";
annotation ignored (struct) :Void;
interface Ignored { call @0 (x :Text) -> (y :Text); }

enum Colour {
  # What things are painted in.

  red @0;
  lightGreen @1;
  # Not quite green.
  delete @2;
  hidden @3 $Annotate.name("secret");
}

enum Nothing { }

struct Point { x @0 :Int32; y @1 :Int32 = -1; }

struct Empty { }

struct Scalars {
  # All that has no pointer. \

  nothing @0 :Void;
  yes @1 :Bool = true;
  no @2 :Bool;
  int8 @3 :Int8 = -128;
  int16 @4 :Int16 = -32768;
  int32 @5 :Int32 = -2147483648;
  int64 @6 :Int64 = -9223372036854775808;
  uint8 @7 :UInt8 = 255;
  uint16 @8 :UInt16 = 65535;
  uint32 @9 :UInt32 = 4294967295;
  uint64 @10 :UInt64 = 18446744073709551615;
  float32 @11 :Float32 = 1.5;
  float64 @12 :Float64 = -2.5e300;
  endless @13 :Float64 = -inf;
  undefined @14 :Float32 = nan;
  colour @15 :Colour = lightGreen;
  plainColour @16 :Colour;
  plainFloat @17 :Float64;
}

struct Pointers {
  text @0 :Text;
  textWithDefault @1 :Text = "a \"quoted\" tea??/\n\x01é";
  data @2 :Data;
  dataWithDefault @3 :Data = 0x"00 ff 10";
  point @4 :Point;
  pointWithDefault @5 :Point = (x = 7);
  price @6 :Money.Price;
  stock @7 :Stock;
  empty @8 :Empty;
  nothing @9 :Nothing;
}

struct Lists {
  voids @0 :List(Void);
  bools @1 :List(Bool);
  int8s @2 :List(Int8);
  int16s @3 :List(Int16);
  int32s @4 :List(Int32);
  int64s @5 :List(Int64);
  uint8s @6 :List(UInt8);
  uint16s @7 :List(UInt16);
  uint32s @8 :List(UInt32);
  uint64s @9 :List(UInt64);
  float32s @10 :List(Float32);
  float64s @11 :List(Float64);
  texts @12 :List(Text);
  datas @13 :List(Data);
  colours @14 :List(Colour);
  points @15 :List(Point);
  grid @16 :List(List(Int32));
  cube @17 :List(List(List(Text)));
  paths @18 :List(List(Point));
  prices @19 :List(Money.Price);
  boolRows @20 :List(List(Bool));
  empties @21 :List(Empty);
}

struct ListDefaults {
  bools @0 :List(Bool) = [true, false];
  int64s @1 :List(Int64) = [-9223372036854775808, 3];
  float32s @2 :List(Float32) = [0.5, inf];
  texts @3 :List(Text) = ["tea", "milk"];
  datas @4 :List(Data) = [0x"01", ""];
  colours @5 :List(Colour) = [delete, red];
  points @6 :List(Point) = [(x = 1), (y = 2)];
  grid @7 :List(List(Int32)) = [[1, 2], []];
  nested @8 :Nested = (rows = [(label = "a"), (label = "b")]);
  oneText @9 :List(List(Text)) = [["x", "y"]];

  struct Nested {
    rows @0 :List(Row);
    struct Row { label @0 :Text = "row"; }
  }
}

struct Names {
  struct String { value @0 :UInt32; }
  struct Renamed $Annotate.name("other_name") {
    struct Inner { names @0 :UInt32; } inner @0 :Inner; }

  string @0 :String;
  class @1 :UInt32;
  errno @2 :UInt32;
  std @3 :UInt32;
  httpStatus @4 :UInt32 $Cxx.name("HTTPCode");
  sha256Sum @5 :Text;
  names @6 :UInt32;
  value @7 :UInt32 $Annotate.name("chosen");
  to @8 :UInt32;
  from @9 :UInt32;
  out @10 :UInt32;
  renamed @11 :Renamed;
  wire @12 :UInt32;
}

# Types whose names generated code might use itself.
struct Out { out @0 :UInt32; }
struct Value { value @0 :Out; out @1 :List(Value); wire @2 :List(Wire); }
enum To { to @0; value @1; out @2; }
struct Wire { from @0 :From; to @1 :To; cairn @2 :Cairn; std @3 :Std; }
struct From { text @0 :Text; data @1 :Data; print @2 :Bool; read @3 :Bool; write @4 :Bool; }
struct Cairn { detail @0 :Text; heapBytes @1 :UInt64; }
struct Std { string @0 :Text; vector @1 :List(Data); size @2 :UInt8; }

struct Double { static @0 :Bool; }

struct Tree {
  # Holds lists of itself, directly and by a detour.
  label @0 :Text;
  children @1 :List(Tree);
  branches @2 :List(Branch);
  struct Branch { tree @0 :Tree; more @1 :List(Branch); }
}

struct Everything {
  scalars @0 :Scalars;
  pointers @1 :Pointers;
  lists @2 :Lists;
  defaults @3 :ListDefaults;
  names @4 :Names;
  double @5 :Double;
  tree @6 :Tree;
}
