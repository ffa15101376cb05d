#include "stream_filler.hpp"

#include "counter.hpp"
#include "failure.hpp"
#include "load.hpp"

#include <cairn/lmdb_journal.hpp>

#include <algorithm>
#include <numeric>
#include <random>

namespace bench {
namespace {

constexpr std::size_t most_under_way = 65'536;

} // namespace

std::vector<cairn::stream_id> streams_of(std::size_t count) {
  std::vector<cairn::stream_id> streams;
  streams.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    streams.push_back(need(cairn::stream_id::make(counter::type_name, id_of(i)), "stream_id"));
  return streams;
}

std::unique_ptr<cairn::journal> open_journal(const std::filesystem::path& directory) {
  cairn::lmdb_journal_options options;
  options.directory = directory;
  return need(cairn::open_lmdb_journal(std::move(options)), "opening a journal");
}

stream_filler::stream_filler(cairn::journal& into, std::size_t payload)
  : journal_{into}, data_(data_bytes(payload), std::byte{0x61}) {}

stream_filler::~stream_filler() {
  wait_for_at_most(0);
}

void stream_filler::append(const cairn::stream_id& stream, std::size_t events) {
  wait_for_at_most(most_under_way);
  auto operation =
      std::make_unique<cairn::append_operation>(stream, cairn::expected_version::any(), *this);
  const added event{.payload = data_};
  for (std::size_t i = 0; i < events; ++i)
    need(operation->events.add(stream, {}, event), "an event");
  {
    const std::lock_guard lock{mutex_};
    under_way_ += events;
  }
  journal_.submit(std::move(operation));
}

void stream_filler::wait_for_at_most(std::size_t events) {
  std::unique_lock lock{mutex_};
  if (under_way_ > events) {
    // Not woken for each commit, but when a good part is done.
    changed_.wait(lock, [&] { return under_way_ <= events / 2; });
  }
}

void stream_filler::settle() {
  wait_for_at_most(0);
  const std::lock_guard lock{mutex_};
  if (failure_)
    throw failure{"filling a journal: " + *failure_};
}

void stream_filler::on_completed(
    std::vector<std::unique_ptr<cairn::append_operation>> operations) noexcept {
  std::size_t events = 0;
  const std::lock_guard lock{mutex_};
  for (const auto& operation : operations) {
    events += operation->events.size();
    if (!*operation->outcome && !failure_)
      failure_ = operation->outcome->error().message();
  }
  under_way_ -= events;
  changed_.notify_all();
}

void fill_scattered(const std::filesystem::path& directory,
                    const std::vector<cairn::stream_id>& streams, std::size_t depth,
                    std::size_t payload) {
  const auto journal = open_journal(directory);
  stream_filler filler{*journal, payload};
  std::vector<std::size_t> order(streams.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937_64 random{7};
  for (std::size_t round = 0; round < depth; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const auto index : order)
      filler.append(streams[index], 1);
  }
  filler.settle();
  need(journal->close(), "closing a journal");
}

} // namespace bench
