#include "lmdb/page_check.hpp"

#include "lmdb/page_format.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/stat.h>

namespace cairn::detail {
namespace {

using namespace page_format;

using bytes_view = std::span<const std::byte>;

/// Beside a process that commits all the time, a look at the root pages may need some tries.
constexpr int most_tries = 1000;
constexpr int most_depth = 32; // LMDB's cursors end there

/// The keys that may stand below a branch: from `first` on, and before `end`. Nothing: no bound.
struct key_range {
  std::optional<bytes_view> first;
  std::optional<bytes_view> end;
};

struct node {
  bytes_view key;
  std::uint64_t child = 0; // of a branch
  bytes_view value;        // of a leaf, unless it is big
  std::uint64_t value_bytes = 0;
  std::uint16_t flags = 0; // of a leaf
};

class page_check {
public:
  page_check(bytes_view map, std::size_t page_bytes, const meta_record& meta, page_visitor visitor)
    : map_{map}, page_bytes_{page_bytes}, meta_{meta}, visitor_{visitor},
      used_(meta.last_page + 1, false) {
    used_[0] = used_[1] = true;
    visitor_(0, "root");
    visitor_(1, "root");
  }

  /// The newest transaction whose freed pages are listed: the one that wrote the root page.
  std::uint64_t newest_freed() const noexcept { return newest_freed_; }

  bool run() {
    return read_free_list() && check_tree(meta_.main, "main", &page_check::take_database)
           && mark_free_pages();
  }

  /// Only that; `newest_freed` is then known.
  bool read_free_list() {
    return check_tree(meta_.free_pages, "free list", &page_check::take_free_pages);
  }

  const std::string& failure() const noexcept { return failure_; }

private:
  using leaf_visitor = bool (page_check::*)(const node&);

  struct tree {
    const database_record& record;
    std::string_view name;
    leaf_visitor on_leaf;
    bool integer_keys;
    std::uint64_t branch_pages = 0, leaf_pages = 0, overflow_pages = 0, entries = 0;
  };

  bool fail(const tree& of, std::uint64_t page, std::string_view what) {
    failure_ =
        "page " + std::to_string(page) + " of " + std::string{of.name} + " " + std::string{what};
    return false;
  }

  bool check_tree(const database_record& record, std::string_view name, leaf_visitor on_leaf) {
    tree of{record, name, on_leaf, (record.flags & integer_key) != 0};
    if (record.depth > most_depth || (record.root == no_page) != (record.depth == 0))
      return fail(of, record.root, "is no root");
    if (record.root != no_page && !check_page(of, record.root, 1, {}))
      return false;
    if (of.branch_pages != record.branch_pages || of.leaf_pages != record.leaf_pages
        || of.overflow_pages != record.overflow_pages || of.entries != record.entries)
      return fail(of, record.root, "is the root of a tree of another size than is written down");
    return true;
  }

  /// Notes that these pages are in use; false: one of them does not exist, or was in use already.
  bool use(const tree& of, std::uint64_t first, std::uint64_t count) {
    if (count == 0 || first < 2 || first > meta_.last_page || count > meta_.last_page - first + 1)
      return fail(of, first, "does not exist");
    for (std::uint64_t page = first; page < first + count; ++page) {
      if (used_[page])
        return fail(of, page, "is used twice");
      used_[page] = true;
      visitor_(page, of.name);
    }
    return true;
  }

  bytes_view page_at(std::uint64_t number) const noexcept {
    return map_.subspan(number * page_bytes_, page_bytes_);
  }

  bool check_page(tree& of, std::uint64_t number, int depth, const key_range& range) {
    if (!use(of, number, 1))
      return false;
    const bytes_view page = page_at(number);
    const auto header = load<page_header>(page.data());
    const bool is_leaf = depth == of.record.depth;
    if (header.number != number || header.flags != (is_leaf ? leaf : branch))
      return fail(of, number, "is another page");
    ++(is_leaf ? of.leaf_pages : of.branch_pages);
    std::vector<node> nodes;
    if (!read_nodes(of, number, is_leaf, nodes) || !check_keys(of, number, is_leaf, range, nodes))
      return false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (is_leaf) {
        if (!check_leaf(of, number, nodes[i]))
          return false;
        continue;
      }
      const key_range below{i == 0 ? range.first : nodes[i].key,
                            i + 1 == nodes.size() ? range.end : nodes[i + 1].key};
      if (!check_page(of, nodes[i].child, depth + 1, below))
        return false;
    }
    return true;
  }

  bool read_nodes(const tree& of, std::uint64_t number, bool is_leaf, std::vector<node>& nodes) {
    const bytes_view page = page_at(number);
    const auto header = load<page_header>(page.data());
    const std::size_t lower = header.lower, upper = header.upper;
    if (lower % 2 != 0 || lower <= sizeof(header) || lower > upper || upper > page.size())
      return fail(of, number, "has no sound list of nodes");
    std::size_t taken = 0;
    for (std::size_t slot = sizeof(header); slot < lower; slot += 2) {
      const auto offset = load<std::uint16_t>(page.data() + slot);
      if (offset % 2 != 0 || offset < upper || offset + sizeof(node_header) > page.size())
        return fail(of, number, "has a node where none can be");
      std::size_t size = 0;
      if (!read_node(page.subspan(offset), is_leaf, nodes.emplace_back(), size))
        return fail(of, number, "has a node that does not fit");
      taken += size;
    }
    if (taken != page.size() - upper)
      return fail(of, number, "has nodes that overlap, or leave gaps");
    return true;
  }

  static bool read_node(bytes_view from, bool is_leaf, node& into, std::size_t& size) noexcept {
    const auto header = load<node_header>(from.data());
    const std::uint64_t low = header.low | std::uint64_t{header.high} << 16;
    const std::size_t end_of_key = sizeof(header) + header.key_bytes;
    if (!is_leaf) {
      into.child = low | std::uint64_t{header.flags} << 32;
    } else {
      into.flags = header.flags;
      into.value_bytes = low;
    }
    const std::size_t in_page = !is_leaf                         ? 0
                                : (header.flags & big_data) != 0 ? sizeof(std::uint64_t)
                                                                 : low;
    if (end_of_key > from.size() || in_page > from.size() - end_of_key)
      return false;
    into.key = from.subspan(sizeof(header), header.key_bytes);
    into.value = from.subspan(end_of_key, in_page);
    size = (end_of_key + in_page + 1) & ~std::size_t{1};
    return true;
  }

  /// The first key of a branch stands for everything before the second, whatever it is.
  bool check_keys(const tree& of, std::uint64_t number, bool is_leaf, const key_range& range,
                  const std::vector<node>& nodes) {
    for (std::size_t i = is_leaf ? 0 : 1; i < nodes.size(); ++i) {
      const bytes_view key = nodes[i].key;
      if (of.integer_keys ? key.size() != sizeof(std::uint64_t) : key.empty())
        return fail(of, number, "has a key of a wrong size");
      const bool after_first = i == (is_leaf ? 0U : 1U)
                                   ? !range.first || !less(of, key, *range.first)
                                   : less(of, nodes[i - 1].key, key);
      if (!after_first || (range.end && !less(of, key, *range.end)))
        return fail(of, number, "has a key out of order");
    }
    return true;
  }

  static bool less(const tree& of, bytes_view left, bytes_view right) noexcept {
    if (of.integer_keys)
      return load<std::uint64_t>(left.data()) < load<std::uint64_t>(right.data());
    return std::lexicographical_compare(left.begin(), left.end(), right.begin(), right.end());
  }

  bool check_leaf(tree& of, std::uint64_t number, node& entry) {
    ++of.entries;
    if ((entry.flags & big_data) != 0) {
      const auto first = load<std::uint64_t>(entry.value.data());
      if (!check_overflow(of, first, entry))
        return false;
      entry.flags &= static_cast<std::uint16_t>(~big_data);
    }
    const bool is_database = of.on_leaf == &page_check::take_database;
    if (entry.flags != (is_database ? sub_database : 0))
      return fail(of, number, "has a node of an unknown kind");
    return !of.on_leaf || (this->*of.on_leaf)(entry);
  }

  /// A run may have more pages than its value needs: a value can have become smaller in its place.
  bool check_overflow(tree& of, std::uint64_t first, node& entry) {
    if (first < 2 || first > meta_.last_page)
      return fail(of, first, "does not exist");
    const bytes_view page = page_at(first);
    const auto header = load<page_header>(page.data());
    if (header.number != first || header.flags != overflow)
      return fail(of, first, "is another page than that of a large value");
    if (!use(of, first, header.overflow_pages()))
      return false;
    if (std::uint64_t{header.overflow_pages()} * page_bytes_ - sizeof(header) < entry.value_bytes)
      return fail(of, first, "is too small for its value");
    of.overflow_pages += header.overflow_pages();
    entry.value = map_.subspan(first * page_bytes_ + sizeof(header), entry.value_bytes);
    return true;
  }

  bool take_database(const node& entry) {
    if (entry.value.size() != sizeof(database_record)) {
      failure_ = "a database's record has a wrong size";
      return false;
    }
    const auto record = load<database_record>(entry.value.data());
    const std::string name{reinterpret_cast<const char*>(entry.key.data()), entry.key.size()};
    if ((record.flags & ~integer_key) != 0) {
      failure_ = "database " + name + " is of an unknown kind";
      return false;
    }
    return check_tree(record, name, nullptr);
  }

  bool take_free_pages(const node& entry) {
    const std::size_t words = entry.value.size() / sizeof(std::uint64_t);
    const std::uint64_t count = words == 0 ? 0 : load<std::uint64_t>(entry.value.data());
    if (words == 0 || count >= words) {
      failure_ = "the list of free pages is longer than its place";
      return false;
    }
    for (std::uint64_t i = 1; i <= count; ++i)
      free_.push_back(load<std::uint64_t>(entry.value.data() + i * sizeof(std::uint64_t)));
    newest_freed_ = load<std::uint64_t>(entry.key.data());
    return true;
  }

  /// Every page is either in use or free, and once: else the next writer would write over data.
  bool mark_free_pages() {
    for (const std::uint64_t page : free_) {
      if (page < 2 || page > meta_.last_page || used_[page]) {
        failure_ = "page " + std::to_string(page) + " is free, and in use or nowhere";
        return false;
      }
      used_[page] = true;
    }
    const auto lost = std::find(used_.begin(), used_.end(), false);
    if (lost == used_.end())
      return true;
    failure_ = "page " + std::to_string(lost - used_.begin()) + " is neither in use nor free";
    return false;
  }

  bytes_view map_;
  std::size_t page_bytes_;
  const meta_record& meta_;
  page_visitor visitor_;
  std::vector<bool> used_;
  std::vector<std::uint64_t> free_;
  std::uint64_t newest_freed_ = 0;
  std::string failure_;
};

/// The file of an open environment, as long as it is now; LMDB does not show its own map.
class mapped_file {
public:
  explicit mapped_file(const lmdb_env& env) noexcept {
    mdb_filehandle_t file = -1;
    struct stat status {};
    if (mdb_env_get_fd(env.get(), &file) != 0 || fstat(file, &status) != 0)
      return;
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED)
      bytes_ = {static_cast<const std::byte*>(map), size};
  }
  ~mapped_file() {
    if (!bytes_.empty())
      ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;

  bytes_view bytes() const noexcept { return bytes_; }

private:
  bytes_view bytes_;
};

/// The transaction that a root page claims is the one that listed its freed pages last: every
/// commit frees the pages that it replaced. The first one has nothing to free.
bool wrote_its_root(const meta_record& meta, std::uint64_t newest_freed) noexcept {
  return meta.transaction <= 1 ? newest_freed == 0 : newest_freed == meta.transaction;
}

using root_records = std::array<meta_record, 2>;

root_records load_roots(bytes_view map, std::size_t page_bytes) noexcept {
  const auto at = [&](std::size_t number) {
    return load<meta_record>(map.data() + number * page_bytes + sizeof(page_header));
  };
  return {at(0), at(1)};
}

/// `txn` must have begun just before: the pages of the commit before its own are still there.
result<page_verdict> check_pages_as_of(const lmdb_env& env, MDB_txn* txn, page_visitor visitor) {
  MDB_stat stat{};
  mdb_env_stat(env.get(), &stat);
  const std::size_t page_bytes = stat.ms_psize;
  const mapped_file file{env};
  const bytes_view map = file.bytes();
  if (map.size() < 2 * page_bytes)
    return lmdb_error(errc::io_failed, "cannot map the journal's file", errno);
  const root_records roots = load_roots(map, page_bytes);
  const std::uint64_t id = mdb_txn_id(txn);
  const meta_record& newer = roots[id % 2];
  const meta_record& older = roots[(id + 1) % 2]; // or newer still
  const auto unless_overtaken = [&](std::string_view objection) -> result<page_verdict> {
    const root_records now = load_roots(map, page_bytes);
    if (std::memcmp(&roots, &now, sizeof(roots)) != 0)
      return page_verdict::overtaken;
    return damaged_file(objection);
  };
  if (std::max(newer.transaction, older.transaction) > id + 1)
    return page_verdict::overtaken;
  const std::uint64_t pages_there = map.size() / page_bytes;
  if (std::max(newer.last_page, older.last_page) >= pages_there
      && mapped_file{env}.bytes().size() > map.size())
    return page_verdict::overtaken; // the roots were read after the file had grown
  if (newer.transaction != id || (older.transaction + 1 != id && older.transaction != id + 1)
      || newer.last_page >= pages_there || older.last_page >= pages_there)
    return unless_overtaken("its root pages contradict each other");
  page_check all{map, page_bytes, newer, visitor};
  if (!all.run())
    return damaged_file(all.failure());
  if (!wrote_its_root(newer, all.newest_freed()))
    return damaged_file("its newer root page is not that of its last commit");
  page_check before{map, page_bytes, older, [](std::uint64_t, std::string_view) {}};
  if (!before.read_free_list() || !wrote_its_root(older, before.newest_freed()))
    return page_verdict::unfinished_commit;
  return page_verdict::sound;
}

} // namespace

result<page_verdict> check_pages(const lmdb_env& env, page_visitor visitor) {
  for (int tries = 1;; ++tries) {
    transaction txn;
    if (const int rc = txn.begin(env, MDB_RDONLY))
      return lmdb_error(errc::io_failed, "cannot begin to read the journal", rc);
    auto found = check_pages_as_of(env, txn.get(), visitor);
    if (!found || *found != page_verdict::overtaken)
      return found;
    if (tries == most_tries)
      return damaged_file("its root pages change whenever they are looked at");
  }
}

} // namespace cairn::detail
