@0xb3c1d8a5f0e94762;

struct Add { amount @0 :Int64; }
struct Added { amount @0 :Int64; }
struct CounterState { total @0 :Int64; }
