#include "raw_lmdb.hpp"

#include "failure.hpp"

#include <lmdb.h>

#include <algorithm>
#include <cstdio>

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

void check(int rc, const char* what) {
  if (rc != 0)
    throw failure{std::string{"LMDB: "} + what + ": " + mdb_strerror(rc)};
}

struct env_closer {
  void operator()(MDB_env* env) const noexcept { mdb_env_close(env); }
};
using env_ptr = std::unique_ptr<MDB_env, env_closer>;

constexpr std::size_t map_bytes = std::size_t{64} << 30;

env_ptr open_env(const std::filesystem::path& file, unsigned flags) {
  MDB_env* made = nullptr;
  check(mdb_env_create(&made), "mdb_env_create");
  env_ptr env{made};
  check(mdb_env_set_mapsize(made, map_bytes), "mdb_env_set_mapsize");
  check(mdb_env_set_maxdbs(made, 4), "mdb_env_set_maxdbs");
  check(mdb_env_open(made, file.c_str(), MDB_NOSUBDIR | MDB_NORDAHEAD | MDB_NOTLS | flags, 0600),
        "mdb_env_open");
  return env;
}

/// Aborts what was not committed.
struct transaction {
  explicit transaction(MDB_env* env, unsigned flags = 0) {
    check(mdb_txn_begin(env, nullptr, flags, &txn), "mdb_txn_begin");
  }
  ~transaction() {
    if (txn)
      mdb_txn_abort(txn);
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  void commit() { check(mdb_txn_commit(std::exchange(txn, nullptr)), "mdb_txn_commit"); }

  MDB_txn* txn = nullptr;
};

struct cursor {
  cursor(MDB_txn* txn, MDB_dbi of) { check(mdb_cursor_open(txn, of, &handle), "mdb_cursor_open"); }
  ~cursor() { mdb_cursor_close(handle); }
  cursor(const cursor&) = delete;
  cursor& operator=(const cursor&) = delete;

  MDB_cursor* handle = nullptr;
};

// Of a record's header, in words; see persistence/FORMAT.md.
constexpr std::size_t previous_word = 2;

} // namespace

struct raw_log::environment {
  env_ptr env;
  MDB_dbi log = 0;
  MDB_dbi heads = 0;
};

raw_log::raw_log(const std::filesystem::path& directory, std::size_t value_bytes,
                 std::size_t streams)
  : environment_{std::make_unique<environment>()}, value_(value_bytes / 8, 0x6161616161616161U),
    heads_(streams), versions_(streams), is_dirty_(streams) {
  std::filesystem::create_directories(directory);
  environment_->env = open_env(directory / "raw.mdb", 0);
  transaction made{environment_->env.get()};
  check(mdb_dbi_open(made.txn, "log", MDB_CREATE | MDB_INTEGERKEY, &environment_->log), "open log");
  check(mdb_dbi_open(made.txn, "heads", MDB_CREATE | MDB_INTEGERKEY, &environment_->heads),
        "open heads");
  made.commit();
}

raw_log::~raw_log() = default;

measured raw_log::append(std::size_t per_commit, std::chrono::duration<double> at_most,
                         std::uint64_t events_at_most, latency_histogram* commits) {
  const auto begin = clock::now();
  const auto end = begin + std::chrono::duration_cast<clock::duration>(at_most);
  std::uint64_t appended = 0;
  auto now = begin;
  while (now < end && appended < events_at_most) {
    commit(per_commit);
    appended += per_commit;
    const auto done = clock::now();
    if (commits)
      commits->record(done - now);
    now = done;
  }
  return {appended, now - begin};
}

void raw_log::commit(std::size_t events) {
  transaction writing{environment_->env.get()};
  {
    const cursor log{writing.txn, environment_->log};
    for (std::size_t i = 0; i < events; ++i) {
      const auto stream = random_() % heads_.size();
      value_[1] = ++versions_[stream];
      value_[previous_word] = heads_[stream];
      heads_[stream] = ++position_;
      MDB_val key{sizeof position_, &position_};
      MDB_val value{value_.size() * 8, value_.data()};
      check(mdb_cursor_put(log.handle, &key, &value, MDB_APPEND), "mdb_cursor_put");
      if (!is_dirty_[stream]) {
        is_dirty_[stream] = true;
        dirty_.push_back(stream);
      }
    }
  }
  if (position_ - flushed_ >= flush_interval)
    flush_heads(writing.txn);
  writing.commit();
}

void raw_log::flush_heads(MDB_txn* txn) {
  std::sort(dirty_.begin(), dirty_.end());
  const cursor heads{txn, environment_->heads};
  for (auto& stream : dirty_) {
    std::uint64_t head[2]{heads_[stream], versions_[stream]};
    MDB_val key{sizeof stream, &stream};
    MDB_val value{sizeof head, head};
    check(mdb_cursor_put(heads.handle, &key, &value, 0), "mdb_cursor_put");
    is_dirty_[stream] = false;
  }
  dirty_.clear();
  flushed_ = position_;
}

struct raw_rows::environment {
  env_ptr env;
  MDB_dbi rows = 0;
};

raw_rows::raw_rows(const std::filesystem::path& directory, std::size_t rows)
  : environment_{std::make_unique<environment>()}, rows_{rows} {
  std::filesystem::create_directories(directory);
  environment_->env = open_env(directory / "raw.mdb", 0);
  transaction made{environment_->env.get()};
  check(mdb_dbi_open(made.txn, "rows", MDB_CREATE, &environment_->rows), "open rows");
  made.commit();
}

raw_rows::~raw_rows() = default;

measured raw_rows::put(std::size_t per_commit, std::chrono::duration<double> at_most,
                       std::uint64_t rows_at_most) {
  // As a projection's: a table's id and an aggregate's name; seal, root and three words.
  char key_bytes[32]{};
  std::uint64_t row[5]{};
  const auto begin = clock::now();
  const auto end = begin + std::chrono::duration_cast<clock::duration>(at_most);
  std::uint64_t done = 0;
  while (clock::now() < end && done < rows_at_most) {
    transaction writing{environment_->env.get()};
    {
      const cursor rows{writing.txn, environment_->rows};
      for (std::size_t i = 0; i < per_commit; ++i) {
        std::snprintf(key_bytes + 8, sizeof(key_bytes) - 8, "c-%08zu",
                      static_cast<std::size_t>(random_() % rows_));
        row[1] = ++done;
        MDB_val key{sizeof(key_bytes), key_bytes};
        MDB_val value{sizeof(row), row};
        check(mdb_cursor_put(rows.handle, &key, &value, 0), "mdb_cursor_put");
      }
    }
    writing.commit();
  }
  return {done, clock::now() - begin};
}

struct raw_reader::environment {
  env_ptr env;
  MDB_dbi log = 0;
};

raw_reader::raw_reader(const std::filesystem::path& journal_directory)
  : environment_{std::make_unique<environment>()} {
  environment_->env = open_env(journal_directory / "journal.mdb", MDB_RDONLY);
  transaction opening{environment_->env.get(), MDB_RDONLY};
  check(mdb_dbi_open(opening.txn, "log", MDB_INTEGERKEY, &environment_->log), "open log");
  opening.commit();
}

raw_reader::~raw_reader() = default;

measured raw_reader::walk(std::span<const cairn::stream_head> heads, touch touched) {
  const auto begin = clock::now();
  const transaction reading{environment_->env.get(), MDB_RDONLY};
  const cursor log{reading.txn, environment_->log};
  std::uint64_t records = 0;
  std::uint64_t sum = 0;
  for (const auto& head : heads) {
    for (auto position = head.position.bits(); position != 0; ++records) {
      MDB_val key{sizeof position, &position};
      MDB_val value{};
      check(mdb_cursor_get(log.handle, &key, &value, MDB_SET), "mdb_cursor_get");
      const auto* const words = static_cast<const std::uint64_t*>(value.mv_data);
      const auto count = value.mv_size / 8;
      if (touched == touch::every_word) {
        for (std::size_t i = 0; i < count; ++i)
          sum += words[i];
      } else {
        sum += words[count / 2];
      }
      position = words[previous_word];
    }
  }
  sum_ = sum;
  return {records, clock::now() - begin};
}

measured raw_reader::scan_tail(std::uint64_t records, touch touched) {
  const auto begin = clock::now();
  const transaction reading{environment_->env.get(), MDB_RDONLY};
  const cursor log{reading.txn, environment_->log};
  MDB_val key{};
  MDB_val value{};
  check(mdb_cursor_get(log.handle, &key, &value, MDB_LAST), "mdb_cursor_get");
  auto first = *static_cast<const std::uint64_t*>(key.mv_data) - records + 1;
  key = {sizeof first, &first};
  auto operation = MDB_SET;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < records; ++i) {
    check(mdb_cursor_get(log.handle, &key, &value, operation), "mdb_cursor_get");
    const auto* const words = static_cast<const std::uint64_t*>(value.mv_data);
    if (touched == touch::every_word) {
      for (std::size_t word = 0; word < value.mv_size / 8; ++word)
        sum += words[word];
    } else {
      sum += words[previous_word];
    }
    operation = MDB_NEXT;
  }
  sum_ = sum;
  return {records, clock::now() - begin};
}

std::string lmdb_version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  mdb_version(&major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

} // namespace bench
