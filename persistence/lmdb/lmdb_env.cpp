#include "lmdb/lmdb_env.hpp"

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

int get_numbered(MDB_cursor* rows, MDB_cursor_op operation, std::uint64_t& number,
                 words_view& value) noexcept {
  MDB_val key{sizeof(number), &number};
  MDB_val found{};
  if (const int rc = mdb_cursor_get(rows, &key, &found, operation))
    return rc;
  if (key.mv_size != sizeof(number))
    return MDB_CORRUPTED;
  if (key.mv_data != &number)
    std::memcpy(&number, key.mv_data, sizeof(number));
  return as_words(found, value) ? 0 : MDB_CORRUPTED;
}

} // namespace cairn::detail
