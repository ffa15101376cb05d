@0xe1c5a7d2b4934f60;
# Annotations that users put into their own schemas: import "/cairn/cairn.capnp".

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::annotations");

annotation name @0x9d2f6b83c05a41e7 (struct, enum, field, enumerant) :Text;
# The name of the value struct, enum class, member or enumerator that capnpc-cairn generates, where
# the one it would derive clashes with another or reads badly. Cap'n Proto's own C++ classes, and
# the bytes, are as without it.
