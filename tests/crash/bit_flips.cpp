// Flips bits of a journal's file and of a projection's tables, and cuts them short, and looks for
// damage that nobody notices: a file that `verify_lmdb_journal` or `verify_tables` calls sound and
// that shows something else than was written.

#include "command_line.hpp"
#include "lmdb/lmdb_env.hpp"
#include "lmdb/page_check.hpp"
#include "memory.hpp"
#include "projection_sheet.hpp"
#include "sample.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

#include <cairn/verify_tables.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace crash;

namespace {

constexpr std::size_t page_header_bytes = 16; // of LMDB
constexpr int first_status = 40;              // of a child: what nobody else exits with
constexpr unsigned most_seconds = 20;         // for one look at a damaged file

void require(bool holds, const char* what) {
  if (!holds)
    throw std::runtime_error{what};
}

template <class T>
T must(cairn::result<T> outcome) {
  if (!outcome)
    throw std::runtime_error{outcome.error().message()};
  return *std::move(outcome);
}

void must(const cairn::result<void>& outcome) {
  if (!outcome)
    throw std::runtime_error{outcome.error().message()};
}

/// What a child found in a damaged file.
enum class finding : int {
  harmless,   ///< Called sound, and all is there: a free page, or a byte that means nothing.
  reported,   ///< Verification or opening says what is damaged.
  unreadable, ///< Called sound, but a reader then meets an error.
  silent,     ///< Called sound, and what is read differs.
  died,       ///< The child was killed by a signal.
  hung,
  count_
};
constexpr std::array finding_names{"harmless", "reported", "unreadable", "silent", "died", "hung"};

using findings = std::array<std::uint64_t, static_cast<std::size_t>(finding::count_)>;

/// A file in a directory of its own, and which page of it belongs to what.
class victim {
public:
  virtual ~victim() { ::close(file_); }
  victim(const victim&) = delete;
  victim& operator=(const victim&) = delete;

  std::size_t bytes() const noexcept { return static_cast<std::size_t>(size_); }
  std::size_t page_bytes() const noexcept { return page_bytes_; }
  virtual std::string what_it_holds() const = 0;

  const std::string& owner_of(std::size_t place) const {
    static const std::string nobody = "free pages";
    const auto found = owners_.find(place / page_bytes_);
    return found == owners_.end() ? nobody : found->second;
  }

  finding after_flip(std::size_t place, unsigned bit) const {
    flip(place, bit);
    const auto found = look();
    flip(place, bit);
    return found;
  }

  finding after_cut(std::size_t size) const {
    std::vector<char> tail(bytes() - size);
    const auto at = static_cast<off_t>(size);
    require(::pread(file_, tail.data(), tail.size(), at) == static_cast<ssize_t>(tail.size()),
            "cannot read the file's end");
    require(::ftruncate(file_, at) == 0, "cannot cut the file short");
    const auto found = look();
    require(::pwrite(file_, tail.data(), tail.size(), at) == static_cast<ssize_t>(tail.size()),
            "cannot mend the file");
    return found;
  }

  /// Verifies and reads the file as it is, in a child.
  finding look() const {
    const pid_t child = ::fork();
    require(child >= 0, "cannot fork");
    if (child == 0) {
      for (const int deadly : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL})
        std::signal(deadly, SIG_DFL); // a sanitizer would report, and exit as if by choice
      ::alarm(most_seconds);
      ::_exit(first_status + static_cast<int>(look_here()));
    }
    int status = 0;
    require(::waitpid(child, &status, 0) == child, "cannot wait for a child");
    const int found = WIFEXITED(status) ? WEXITSTATUS(status) - first_status : -1;
    if (found >= 0 && found <= static_cast<int>(finding::silent))
      return static_cast<finding>(found);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? finding::hung : finding::died;
  }

protected:
  victim(const std::filesystem::path& directory, std::string prefix)
    : directory_{directory}, prefix_{std::move(prefix)} {
    std::filesystem::create_directory(directory_);
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
  }

  /// Once the file is written.
  void take(std::string_view name) {
    const auto path = directory_ / name;
    file_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    require(file_ >= 0, "cannot open the file");
    size_ = ::lseek(file_, 0, SEEK_END);
    const auto env = must(cairn::detail::lmdb_env::open(
        {.file = path, .map_bytes = std::size_t{256} << 20, .max_readers = 8, .read_only = true}));
    MDB_stat stat{};
    mdb_env_stat(env.get(), &stat);
    page_bytes_ = stat.ms_psize;
    const auto note = [&](std::uint64_t page, std::string_view owner) {
      owners_[page] = prefix_ + std::string{owner};
    };
    if (const auto sound = cairn::detail::check_pages(env, note); !sound)
      throw std::runtime_error{sound.error().message()};
  }

  const std::filesystem::path& directory() const noexcept { return directory_; }

private:
  virtual finding look_here() const = 0;

  void flip(std::size_t place, unsigned bit) const {
    char byte = 0;
    const auto at = static_cast<off_t>(place);
    require(::pread(file_, &byte, 1, at) == 1, "cannot read a byte");
    byte = static_cast<char>(byte ^ 1 << bit);
    require(::pwrite(file_, &byte, 1, at) == 1, "cannot write a byte");
  }

  const std::filesystem::path directory_;
  const std::string prefix_;
  int file_ = -1;
  off_t size_ = 0;
  std::size_t page_bytes_ = 0;
  std::map<std::uint64_t, std::string> owners_;
};

class journal_victim final : public victim {
public:
  journal_victim(const std::filesystem::path& directory, std::uint64_t seed, bool closed)
    : victim{directory, ""}, closed_{closed} {
    write(seed);
    take("journal.mdb");
    held_ = must(contents_of(*must(cairn::open_lmdb_journal_for_reading(options()))));
    require(held_.mistaken == 0, "the undamaged journal's tags or keys are not those of its log");
  }

  std::string what_it_holds() const override {
    return (closed_ ? "closed journal: " : "crashed journal: ")
           + std::to_string(held_.log.size() - 1) + " events, " + std::to_string(held_.snapshots)
           + " snapshots, " + std::to_string(held_.tagged) + " tags, " + std::to_string(held_.held)
           + " keys, " + std::to_string(held_.schemas.size()) + " generations of schemas";
  }

private:
  cairn::lmdb_journal_options options() const { return sample_options(directory()); }

  void write(std::uint64_t seed) {
    const auto where = closed_ ? directory() : directory() / "open";
    const auto journal = must(cairn::open_lmdb_journal(sample_options(where)));
    sample_writer writer{*journal, seed};
    for (std::uint64_t i = 0; i < 400; ++i) {
      if (i % 200 == 0)
        must(declare_sample_schemas(*journal, i));
      must(writer.append());
    }
    if (!closed_) // as a crash would leave it: some heads only in the log
      std::filesystem::copy_file(where / "journal.mdb", directory() / "journal.mdb");
    else if (const auto done = journal->close(); !done)
      throw std::runtime_error{done.error().message()};
  }

  finding look_here() const override {
    const auto verified = cairn::verify_lmdb_journal(options());
    if (!verified || verified->damaged_snapshots > 0 || verified->unfinished_commit)
      return finding::reported;
    const auto journal = cairn::open_lmdb_journal_for_reading(options());
    if (!journal)
      return finding::unreadable;
    const auto found = contents_of(**journal);
    if (!found)
      return finding::unreadable;
    return *found == held_ ? finding::harmless : finding::silent;
  }

  const bool closed_;
  contents held_;
};

/// The tables of a projection: rows with an index, some of them gone again, and decisions.
class tables_victim final : public victim {
public:
  tables_victim(const std::filesystem::path& directory, std::uint64_t seed)
    : victim{directory, "tables' "} {
    write(seed);
    take("tables.mdb");
    held_ = must(read());
  }

  std::string what_it_holds() const override {
    return "tables: " + std::to_string(held_.rows.size()) + " rows, "
           + std::to_string(held_.decisions.size()) + " decisions";
  }

private:
  struct everything {
    std::map<std::string, tally> rows;
    std::multimap<std::uint64_t, std::string> by_index;
    cairn::table_checkpoint checkpoint;
    std::vector<cairn::projection_decision> decisions;
    bool operator==(const everything&) const = default;
  };

  static constexpr const auto& carts = tally_of_carts<false>::carts;

  cairn::table_store_options options() const {
    cairn::table_store_options with{.directory = directory()};
    with.map_bytes = std::size_t{256} << 20;
    with.free_space_watermark_bytes = 0;
    return with;
  }

  static cairn::projection_decision parked(cairn::position position, std::size_t error_bytes) {
    cairn::projection_decision made;
    made.what = cairn::projection_decision::kind::park;
    made.position = position;
    made.error = std::string(error_bytes, 'e');
    return made;
  }

  void write(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    const auto store = must(cairn::table_store::open(options()));
    cairn::position position{};
    for (int batch = 0; batch < 40; ++batch) {
      must(store->begin_batch());
      cairn::table_writer to{store->rows()};
      for (int i = 0; i < 50; ++i) {
        store->begin_event();
        const auto which = random() % 700;
        // Of all lengths, so that keys have many sizes.
        const auto cart = std::to_string(which) + std::string(which % 7 * 11, 'x');
        if (random() % 8 == 0)
          to.erase(carts, cart);
        else
          to.put(carts, cart, {.events = random() % 90, .last_position = (++position).number()});
      }
      must(store->publish({++position, random()}));
      if (batch % 10 == 9) {
        const auto no = parked(position, random() % 300);
        must(store->decide(no, {++position, random()}));
      }
    }
    must(store->mark_live());
    must(store->close());
  }

  cairn::result<everything> read() const {
    auto store = cairn::table_store::open_for_reading(options());
    if (!store)
      return std::move(store).error();
    auto view = (*store)->read();
    auto at = (*store)->checkpoint();
    auto decisions = (*store)->decisions();
    if (!view || !at || !decisions)
      return cairn::error{cairn::errc::corrupt_journal, "cannot be read"};
    everything found{.rows = {}, .by_index = {}, .checkpoint = *at, .decisions = *decisions};
    const auto scanned = view->scan(
        carts, {}, [&](const std::string& key, const tally& row) { found.rows.emplace(key, row); });
    const auto indexed = view->template scan_by<by_events>(
        carts, {}, [&](std::uint64_t events, const std::string& key, const tally&) {
          found.by_index.emplace(events, key);
        });
    for (const auto* done : {&scanned, &indexed})
      if (!*done)
        return done->error();
    return found;
  }

  finding look_here() const override {
    const auto verified = cairn::verify_tables(options());
    if (!verified || verified->unfinished_commit)
      return finding::reported;
    const auto found = read();
    if (!found)
      return finding::unreadable;
    return *found == held_ ? finding::harmless : finding::silent;
  }

  everything held_;
};

std::unique_ptr<victim> make_victim(int kind, const std::filesystem::path& directory,
                                    std::uint64_t seed) {
  if (kind == 2)
    return std::make_unique<tables_victim>(directory, seed);
  return std::make_unique<journal_victim>(directory, seed, kind == 0);
}

/// Where the next flip goes: anywhere, or where LMDB keeps what it has no checksum for.
std::size_t random_place(const victim& file, std::mt19937_64& random) {
  const std::size_t pages = file.bytes() / file.page_bytes();
  switch (random() % 8) {
    case 0: // the root pages
      return random() % 2 * file.page_bytes() + random() % 160;
    case 1:
    case 2: // a page's header and the places of its nodes
      return random() % pages * file.page_bytes() + random() % (page_header_bytes + 48);
    default: return random() % file.bytes();
  }
}

void print(const char* what, const std::map<std::string, findings>& tallies) {
  for (const auto& [owner, counted] : tallies) {
    std::cout << "  " << what << ' ' << owner << ':';
    for (std::size_t i = 0; i < counted.size(); ++i)
      if (counted[i] > 0)
        std::cout << ' ' << counted[i] << ' ' << finding_names[i];
    std::cout << '\n';
  }
}

constexpr int kinds = 3; // of victims

/// Of `all`, what the victims of this kind get.
std::uint64_t share_of(std::uint64_t all, int kind) noexcept {
  return all / kinds + (static_cast<std::uint64_t>(kind) < all % kinds ? 1 : 0);
}

/// What may not happen, and how often it did.
std::uint64_t failures(const std::map<std::string, findings>& tallies) {
  std::uint64_t sum = 0;
  for (const auto& [owner, counted] : tallies)
    for (const auto bad : {finding::unreadable, finding::silent, finding::died, finding::hung})
      sum += counted[static_cast<std::size_t>(bad)];
  return sum;
}

} // namespace

int main(int argc, char** argv) {
  std::uint64_t flips = test::scaled(1'000, 10'000);
  std::uint64_t seed = test::fresh_seed();
  test::command_line options{
      "Damages a journal, or tables, and looks for damage that goes unnoticed."};
  options.add("--flips", flips, "How many bits, one at a time");
  options.add("--seed", seed, "Repeats a run");
  options.parse(argc, argv);
  std::cout << "seed " << seed << std::endl;

  test::keep_temporary_files_in_memory();
  std::mt19937_64 random{seed};
  std::map<std::string, findings> flipped, cut;
  for (int kind = 0; kind < kinds; ++kind) {
    const test::temporary_directory directory;
    const auto made = make_victim(kind, directory / "victim", random());
    const victim& file = *made;
    std::cout << file.what_it_holds() << ", " << file.bytes() << " bytes\n";
    if (file.look() != finding::harmless) {
      std::cout << "FAILED: the undamaged file is not called sound\n";
      return 1;
    }
    const auto note = [&](std::map<std::string, findings>& in, std::size_t place, finding found,
                          const std::string& how) {
      ++in[file.owner_of(place)][static_cast<std::size_t>(found)];
      if (found > finding::reported)
        std::cout << "  " << finding_names[static_cast<std::size_t>(found)] << ": " << how
                  << " byte " << place % file.page_bytes() << " of page "
                  << place / file.page_bytes() << " (" << file.owner_of(place) << ")\n";
    };
    for (std::uint64_t i = 0; i < share_of(flips, kind); ++i) {
      const auto place = random_place(file, random);
      const auto bit = static_cast<unsigned>(random() % 8);
      note(flipped, place, file.after_flip(place, bit), "bit " + std::to_string(bit) + " of");
    }
    for (std::uint64_t i = 0; i < share_of(flips / 20, kind); ++i) {
      const auto size = random() % file.bytes();
      note(cut, size, file.after_cut(size), "cut at");
    }
  }
  print("flipped in", flipped);
  print("cut in", cut);
  const auto bad = failures(flipped) + failures(cut);
  std::cout << flips << " flips and " << flips / 20 << " cuts, " << bad << " unnoticed\n";
  return bad == 0 ? 0 : 1;
}
