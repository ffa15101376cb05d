#include "crash_disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace crash {
namespace {

void write_file(const std::filesystem::path& path, const std::vector<std::byte>& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written =
      file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  ::close(file);
  if (!written)
    throw std::runtime_error{"cannot write " + path.string()};
}

} // namespace

// --- io_recorder ---------------------------------------------------------------------------------

std::optional<io_failure> io_recorder::before(const io_call& call) {
  using kind = io_call::kind;
  if (call.what != kind::write && call.what != kind::truncate && call.what != kind::rename)
    return std::nullopt;
  const std::lock_guard lock{mutex_};
  // What may be on the disk from now on, whether or not the call ever returns.
  io_event event{call.what == kind::write      ? io_event::kind::write
                 : call.what == kind::truncate ? io_event::kind::truncate
                                               : io_event::kind::rename,
                 call.path, call.new_path, call.offset};
  for (const iovec& part : call.parts) {
    const auto* const bytes = static_cast<const std::byte*>(part.iov_base);
    event.bytes.insert(event.bytes.end(), bytes, bytes + part.iov_len);
  }
  if (call.synchronous)
    synchronous_[call.path] = events_.size();
  events_.push_back(std::move(event));
  return std::nullopt;
}

void io_recorder::after(const io_call& call, bool succeeded) {
  if (!succeeded)
    return;
  const std::lock_guard lock{mutex_};
  // What is durable, now that the call has returned.
  if (call.what == io_call::kind::sync)
    events_.push_back({io_event::kind::sync, call.path});
  else if (call.what == io_call::kind::sync_directory)
    events_.push_back({io_event::kind::sync_directory, call.path});
  else if (call.synchronous)
    events_.push_back({io_event::kind::sync_write, call.path, {}, synchronous_.at(call.path)});
}

void io_recorder::acknowledged(std::uint64_t what) {
  const std::lock_guard lock{mutex_};
  events_.push_back({io_event::kind::acknowledged, {}, {}, what});
}

// --- crash_disk ----------------------------------------------------------------------------------

void crash_disk::advance(std::size_t point) {
  while (point_ < point)
    follow(point_++);
}

void crash_disk::follow(std::size_t index) {
  const io_event& event = events_[index];
  switch (event.what) {
    case io_event::kind::write:
    case io_event::kind::truncate: unsynced_.push_back({index, file_called(event.path)}); return;
    case io_event::kind::rename: {
      const file_number file = file_called(event.path);
      names_now_.erase(event.path);
      names_now_[event.new_path] = file;
      unsynced_names_.push_back({event.path, event.new_path, file});
      return;
    }
    case io_event::kind::sync: {
      const file_number file = file_called(event.path);
      settle_writes([&](const unsynced_write& write) { return write.file == file; });
      break;
    }
    case io_event::kind::sync_write:
      settle_writes([&](const unsynced_write& write) { return write.event == event.offset; });
      break;
    case io_event::kind::sync_directory:
      names_durable_ = names_now_;
      unsynced_names_.clear();
      break;
    case io_event::kind::acknowledged: acknowledged_ = std::max(acknowledged_, event.offset); break;
  }
  settled_ = index + 1;
}

crash_disk::file_number crash_disk::file_called(const std::string& path) {
  const auto [known, is_new] = names_now_.try_emplace(path, files_.size());
  if (is_new) {
    unsynced_names_.push_back({{}, path, files_.size()});
    files_.emplace_back();
  }
  return known->second;
}

/// Writes that become durable do so in their order. One that does so alone, before an earlier one
/// of the same bytes, would be undone by that one here: LMDB writes no byte twice before a sync.
template <class Settles>
void crash_disk::settle_writes(Settles&& settles) {
  const auto rest =
      std::stable_partition(unsynced_.begin(), unsynced_.end(),
                            [&](const unsynced_write& write) { return !settles(write); });
  for (auto write = rest; write != unsynced_.end(); ++write)
    apply(files_[write->file], events_[write->event], {});
  unsynced_.erase(rest, unsynced_.end());
}

void crash_disk::apply(image& into, const io_event& event, const std::vector<bool>& sectors) {
  if (event.what == io_event::kind::truncate)
    return into.resize(event.offset);
  const std::size_t begin = event.offset, end = begin + event.bytes.size();
  into.resize(std::max(into.size(), end));
  const std::size_t first = begin / sector_bytes;
  for (std::size_t from = begin; from < end;) {
    const std::size_t sector = from / sector_bytes;
    const std::size_t to = std::min(end, (sector + 1) * sector_bytes);
    if (sectors.empty() || sectors[sector - first])
      std::memcpy(into.data() + from, event.bytes.data() + (from - begin), to - from);
    from = to;
  }
}

/// Any sectors of a write: the first ones, the last ones, or whatever.
std::vector<bool> crash_disk::tear(std::size_t event, std::mt19937_64& random) const {
  const io_event& torn = events_[event];
  if (torn.what != io_event::kind::write || torn.bytes.empty())
    return {};
  const std::size_t count =
      (torn.offset + torn.bytes.size() - 1) / sector_bytes - torn.offset / sector_bytes + 1;
  std::vector<bool> sectors(count);
  const auto how = random() % 3;
  const std::size_t cut = random() % (count + 1);
  for (std::size_t i = 0; i < count; ++i)
    sectors[i] = how == 0 ? i < cut : how == 1 ? i >= cut : random() % 2 == 0;
  return sectors;
}

crash_state crash_disk::draw(mode how, std::mt19937_64& random) const {
  crash_state state{point_, settled_, {}, 0};
  if (how == mode::nothing)
    return state;
  state.names =
      how == mode::everything ? unsynced_names_.size() : random() % (unsynced_names_.size() + 1);
  const std::size_t count =
      how == mode::prefix ? random() % (unsynced_.size() + 1) : unsynced_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t event = unsynced_[i].event;
    if (how == mode::subset && random() % 2 == 0)
      continue;
    const bool torn = how == mode::subset   ? random() % 4 == 0
                      : how == mode::prefix ? i + 1 == count && random() % 2 == 0
                                            : false;
    state.writes.push_back({event, torn ? tear(event, random) : std::vector<bool>{}});
  }
  return state;
}

void crash_disk::build(const crash_state& state, const std::filesystem::path& directory) const {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  auto names = names_durable_;
  for (std::size_t i = 0; i < state.names; ++i) {
    names.erase(unsynced_names_[i].from);
    names[unsynced_names_[i].to] = unsynced_names_[i].file;
  }
  for (const auto& [name, number] : names) {
    image content = files_[number];
    for (const auto& kept : state.writes) {
      const auto of = std::find_if(unsynced_.begin(), unsynced_.end(),
                                   [&](const auto& write) { return write.event == kept.event; });
      if (of != unsynced_.end() && of->file == number)
        apply(content, events_[kept.event], kept.sectors);
    }
    write_file(directory / name, content);
  }
}

} // namespace crash
