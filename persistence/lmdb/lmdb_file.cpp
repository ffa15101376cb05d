#include "lmdb/lmdb_file.hpp"

#include <algorithm>
#include <string>

#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

namespace cairn::detail {
namespace {

std::size_t map_bytes_here(std::size_t wanted) noexcept {
#ifdef RUNNING_ON_VALGRIND
  constexpr std::size_t most_under_valgrind = std::size_t{1} << 30;
  if (RUNNING_ON_VALGRIND)
    return std::min(wanted, most_under_valgrind);
#endif
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (wanted + page - 1) / page * page;
}

/// Makes the file, which must not exist, with what `fill` writes into it. The caller syncs the
/// directory. Errors: `io_failed`.
result<void> create_file(const env_options& options, function_ref<int(const lmdb_env&)> fill) {
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

result<page_verdict> look_at_pages(const lmdb_env& env, bool check_all) {
  if (auto whole = env.check_file_size(); !whole)
    return std::move(whole).error();
  env.check_readers();
  if (!check_all)
    return page_verdict::sound;
  return check_pages(env, [](std::uint64_t, std::string_view) {});
}

} // namespace

result<lmdb_file> open_file(const file_options& options, function_ref<int(const lmdb_env&)> fill) {
  const bool create = options.create && !options.read_only;
  auto guard = directory_guard::enter({.directory = options.directory,
                                       .create = create,
                                       .allow_fuse = options.allow_fuse,
                                       .exclusive = !options.read_only,
                                       .file = options.file});
  if (!guard)
    return std::move(guard).error();
  const env_options with{.file = guard->file(),
                         .map_bytes = map_bytes_here(options.map_bytes),
                         .max_readers = options.max_readers,
                         .read_only = options.read_only};
  if (!guard->has_file()) {
    if (!create)
      return error{errc::not_found,
                   std::string{options.absence} + " in " + options.directory.string()};
    if (auto created = create_file(with, fill); !created)
      return std::move(created).error();
    if (auto synced = guard->sync(); !synced)
      return std::move(synced).error();
  }
  if (auto admitted = guard->admit_file(); !admitted)
    return std::move(admitted).error();
  if (auto checked = check_root_pages(with.file); !checked)
    return std::move(checked).error();
  auto env = lmdb_env::open(with);
  if (!env)
    return std::move(env).error();
  auto pages = look_at_pages(*env, options.check_pages);
  if (!pages)
    return std::move(pages).error();
  return lmdb_file{*std::move(guard), *std::move(env), *pages};
}

} // namespace cairn::detail
