@0xb3c1d8a5f0e94762;

using Cairn = import "/cairn/cairn.capnp";

struct CounterState $Cairn.name("counter_state") { total @0 :Int64; }

struct Add { amount @0 :Int64; }
struct Added { amount @0 :Int64; }
