/// What jemalloc reads when a program that is linked with it begins. Huge pages, because commands
/// touch memory that lies scattered: a processor does not hold the addresses of so many small ones.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "thp:always,metadata_thp:auto";
}
