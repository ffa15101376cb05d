#include "lmdb/lmdb_env.hpp"

#include "lmdb/meta_record.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

namespace cairn::detail {
namespace {

constexpr const char* log_name = "log";
constexpr const char* heads_name = "heads";
constexpr const char* meta_name = "meta";
constexpr const char* snapshots_name = "snapshots";
constexpr const char* schemas_name = "schemas";
constexpr const char* tags_name = "tags";
constexpr const char* reservations_name = "reservations";

constexpr unsigned safe_flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
constexpr mdb_mode_t private_mode = 0600;
constexpr MDB_dbi most_databases = 16; // more than there are: another version may have added some

void report_broken_invariant(MDB_env*, const char* message) noexcept {
  std::fprintf(stderr, "cairn: LMDB found its own invariant broken: %s\n", message);
  std::abort();
}

bool means_damage(int rc) noexcept {
  return rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND
         || rc == MDB_VERSION_MISMATCH;
}

/// Opens what the first version of the format did not have.
int open_added(MDB_txn* txn, unsigned flags, databases& opened) noexcept {
  const auto open = [&](const char* name, unsigned kind, MDB_dbi& database) {
    const int rc = mdb_dbi_open(txn, name, flags | kind, &database);
    if (rc != MDB_NOTFOUND)
      return rc;
    database = absent_database;
    return 0;
  };
  if (const int rc = open(schemas_name, MDB_INTEGERKEY, opened.schemas))
    return rc;
  if (const int rc = open(tags_name, 0, opened.tags))
    return rc;
  return open(reservations_name, 0, opened.reservations);
}

int configure(MDB_env* env, const env_options& options) noexcept {
  mdb_env_set_assert(env, report_broken_invariant);
  if (const int rc = mdb_env_set_mapsize(env, options.map_bytes))
    return rc;
  if (const int rc = mdb_env_set_maxreaders(env, static_cast<unsigned>(options.max_readers)))
    return rc;
  if (const int rc = mdb_env_set_maxdbs(env, most_databases))
    return rc;
  const unsigned flags = safe_flags | (options.read_only ? MDB_RDONLY : 0U);
  if (const int rc = mdb_env_open(env, options.file.c_str(), flags, private_mode))
    return rc;
  mdb_filehandle_t file = -1;
  if (const int rc = mdb_env_get_fd(env, &file))
    return rc;
  return fcntl(file, F_SETFD, FD_CLOEXEC) == 0 ? 0 : errno;
}

} // namespace

error lmdb_error(errc code, std::string_view what, int rc) {
  return {code, std::string{what} + ": " + mdb_strerror(rc)};
}

result<lmdb_env> lmdb_env::open(const env_options& options) {
  MDB_env* raw = nullptr;
  if (const int rc = mdb_env_create(&raw))
    return lmdb_error(errc::io_failed, "cannot make an LMDB environment", rc);
  lmdb_env env{std::unique_ptr<MDB_env, closer>{raw}};
  if (const int rc = configure(raw, options))
    return lmdb_error(means_damage(rc) ? errc::corrupt_journal : errc::io_failed,
                      "cannot open " + options.file.string() + " with a map of "
                          + std::to_string(options.map_bytes) + " bytes",
                      rc);
  return env;
}

result<void> lmdb_env::check_file_size() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_filehandle_t file = -1;
  struct stat status {};
  mdb_env_info(get(), &info);
  mdb_env_stat(get(), &stat);
  mdb_env_get_fd(get(), &file);
  if (fstat(file, &status) != 0)
    return lmdb_error(errc::io_failed, "cannot ask for the journal's size", errno);
  const auto least = (info.me_last_pgno + 1) * stat.ms_psize;
  if (static_cast<std::size_t>(status.st_size) < least)
    return error{errc::corrupt_journal, "the journal's file has " + std::to_string(status.st_size)
                                            + " bytes and must have at least "
                                            + std::to_string(least) + ": it was cut short"};
  return {};
}

int lmdb_env::check_readers() const noexcept {
  int dead = 0;
  mdb_reader_check(get(), &dead);
  return dead;
}

result<void> create_env_file(const env_options& options, function_ref<int(const lmdb_env&)> fill) {
  env_options draft = options;
  draft.file += ".new";
  std::filesystem::path draft_lock = draft.file;
  draft_lock += "-lock";
  std::error_code failure;
  std::filesystem::remove(draft.file, failure); // left by a crash while creating
  std::filesystem::remove(draft_lock, failure);
  {
    auto env = lmdb_env::open(draft);
    if (!env)
      return std::move(env).error();
    if (const int rc = fill(*env))
      return lmdb_error(errc::io_failed, "cannot write " + draft.file.string(), rc);
    if (const int rc = mdb_env_sync(env->get(), 1))
      return lmdb_error(errc::io_failed, "cannot sync " + draft.file.string(), rc);
  }
  std::filesystem::remove(draft_lock, failure);
  std::filesystem::rename(draft.file, options.file, failure);
  if (failure)
    return error{errc::io_failed,
                 "cannot name the new " + options.file.string() + ": " + failure.message()};
  return {};
}

int open_databases(MDB_txn* txn, bool create, databases& opened) noexcept {
  const unsigned flags = create ? MDB_CREATE : 0U;
  if (const int rc = mdb_dbi_open(txn, meta_name, flags, &opened.meta))
    return rc;
  if (const int rc = mdb_dbi_open(txn, log_name, flags | MDB_INTEGERKEY, &opened.log))
    return rc;
  if (const int rc = mdb_dbi_open(txn, heads_name, flags, &opened.heads))
    return rc;
  if (const int rc = mdb_dbi_open(txn, snapshots_name, flags, &opened.snapshots))
    return rc;
  return open_added(txn, flags, opened);
}

int add_absent_databases(MDB_txn* txn, databases& opened) noexcept {
  return open_added(txn, MDB_CREATE, opened);
}

int find_misnamed_database(MDB_txn* txn, const databases& opened, std::string& name) {
  constexpr std::array<std::string_view, 7> known{
      log_name, heads_name, meta_name, snapshots_name, schemas_name, tags_name, reservations_name};
  const std::array added{opened.schemas, opened.tags, opened.reservations};
  if (std::ranges::find(added, absent_database) == added.end())
    return 0;
  MDB_dbi names = 0;
  if (const int rc = mdb_dbi_open(txn, nullptr, 0, &names))
    return rc;
  cursor at;
  if (const int rc = at.open(txn, names))
    return rc;
  MDB_val key{};
  MDB_val record{};
  int rc = 0;
  while ((rc = mdb_cursor_get(at.get(), &key, &record, MDB_NEXT)) == 0) {
    const std::string_view found{static_cast<const char*>(key.mv_data), key.mv_size};
    if (std::ranges::find(known, found) == known.end()) {
      name = found;
      return 0;
    }
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

bool as_words(const MDB_val& value, words_view& words) noexcept {
  constexpr std::size_t word = sizeof(std::uint64_t);
  if (value.mv_size % word != 0 || reinterpret_cast<std::uintptr_t>(value.mv_data) % word != 0)
    return false;
  words = {static_cast<const std::uint64_t*>(value.mv_data), value.mv_size / word};
  return true;
}

int get_words(MDB_txn* txn, MDB_dbi database, std::span<const std::byte> key,
              words_view& value) noexcept {
  MDB_val lmdb_key{key.size(), const_cast<std::byte*>(key.data())};
  MDB_val found{};
  if (const int rc = mdb_get(txn, database, &lmdb_key, &found))
    return rc;
  return as_words(found, value) ? 0 : MDB_CORRUPTED;
}

int get_record(MDB_cursor* log, MDB_cursor_op operation, std::uint64_t& position,
               words_view& value) noexcept {
  MDB_val key{sizeof(position), &position};
  MDB_val found{};
  if (const int rc = mdb_cursor_get(log, &key, &found, operation))
    return rc;
  if (key.mv_size != sizeof(position))
    return MDB_CORRUPTED;
  if (key.mv_data != &position)
    std::memcpy(&position, key.mv_data, sizeof(position));
  return as_words(found, value) ? 0 : MDB_CORRUPTED;
}

int last_log_position(MDB_txn* txn, const databases& dbs, std::uint64_t& position) noexcept {
  cursor log;
  if (const int rc = log.open(txn, dbs.log))
    return rc;
  words_view ignored;
  position = 0;
  const int rc = get_record(log.get(), MDB_LAST, position, ignored);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

} // namespace cairn::detail
