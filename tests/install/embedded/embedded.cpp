#include <cairn/runtime.hpp>

cairn::result<cairn::runtime> open_here() {
  return cairn::runtime::open({.storage = cairn::lmdb{"here"}});
}
