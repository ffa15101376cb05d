#include <cairn/position.hpp>

#include <cairn/error.hpp>
#include <cairn/version.hpp>

#include <algorithm>
#include <ostream>

namespace cairn {
namespace {

bool is_before(position entry, shard_id shard) noexcept {
  return entry.shard() < shard;
}

} // namespace

std::string to_string(version of) {
  return std::to_string(of.number());
}

std::ostream& operator<<(std::ostream& out, version of) {
  return out << of.number();
}

std::string to_string(shard_id of) {
  return std::to_string(of.number());
}

std::ostream& operator<<(std::ostream& out, shard_id of) {
  return out << of.number();
}

std::string to_string(position of) {
  auto number = std::to_string(of.number());
  return of.shard() == shard_id{} ? number : to_string(of.shard()) + ':' + number;
}

std::ostream& operator<<(std::ostream& out, position of) {
  return out << to_string(of);
}

position shard_positions::of(shard_id shard) const noexcept {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), shard, is_before);
  return found != entries_.end() && found->shard() == shard ? *found : position::start_of(shard);
}

void shard_positions::advance(position to) {
  const auto found = std::lower_bound(entries_.begin(), entries_.end(), to.shard(), is_before);
  if (found == entries_.end() || found->shard() != to.shard()) {
    if (!to.is_start())
      entries_.insert(found, to);
    return;
  }
  CAIRN_ASSERT(to >= *found);
  *found = to;
}

} // namespace cairn
