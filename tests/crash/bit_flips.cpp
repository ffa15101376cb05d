// Flips bits of a journal's file, and cuts it short, and looks for damage that nobody notices: a
// journal that `verify_lmdb_journal` calls sound and that shows something else than was written.

#include "lmdb_store.hpp"
#include "memory.hpp"
#include "page_check.hpp"
#include "sample.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <iostream>
#include <map>
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

using tally = std::array<std::uint64_t, static_cast<std::size_t>(finding::count_)>;

/// A journal in a file, what it holds, and which page belongs to what.
class victim {
public:
  victim(std::filesystem::path directory, std::uint64_t seed, bool closed)
    : directory_{std::move(directory)} {
    write(seed, closed);
    file_ = ::open((directory_ / "journal.mdb").c_str(), O_RDWR | O_CLOEXEC);
    require(file_ >= 0, "cannot open the journal's file");
    size_ = ::lseek(file_, 0, SEEK_END);
    held_ = must(contents_of(*must(cairn::open_lmdb_journal_for_reading(options()))));
    map_pages();
  }
  ~victim() { ::close(file_); }
  victim(const victim&) = delete;
  victim& operator=(const victim&) = delete;

  std::size_t bytes() const noexcept { return static_cast<std::size_t>(size_); }
  std::size_t page_bytes() const noexcept { return page_bytes_; }
  const contents& held() const noexcept { return held_; }

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

private:
  cairn::lmdb_journal_options options() const { return sample_options(directory_); }

  void write(std::uint64_t seed, bool closed) {
    const auto where = closed ? directory_ : directory_ / "open";
    std::filesystem::create_directory(directory_);
    std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
    const auto journal = must(cairn::open_lmdb_journal(sample_options(where)));
    sample_writer writer{*journal, seed};
    for (std::uint64_t i = 0; i < 400; ++i) {
      if (i % 200 == 0)
        must(declare_sample_schemas(*journal, i));
      must(writer.append());
    }
    if (!closed) // as a crash would leave it: some heads only in the log
      std::filesystem::copy_file(where / "journal.mdb", directory_ / "journal.mdb");
    else
      must(journal->close());
  }

  void map_pages() {
    const auto store = must(cairn::detail::open_store(options(), {.read_only = true}));
    MDB_stat stat{};
    mdb_env_stat(store.env.get(), &stat);
    page_bytes_ = stat.ms_psize;
    const auto note = [&](std::uint64_t page, std::string_view owner) { owners_[page] = owner; };
    if (const auto sound = cairn::detail::check_pages(store.env, note); !sound)
      throw std::runtime_error{sound.error().message()};
  }

  void flip(std::size_t place, unsigned bit) const {
    char byte = 0;
    const auto at = static_cast<off_t>(place);
    require(::pread(file_, &byte, 1, at) == 1, "cannot read a byte");
    byte = static_cast<char>(byte ^ 1 << bit);
    require(::pwrite(file_, &byte, 1, at) == 1, "cannot write a byte");
  }

  finding look_here() const {
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

  std::filesystem::path directory_;
  int file_ = -1;
  off_t size_ = 0;
  std::size_t page_bytes_ = 0;
  contents held_;
  std::map<std::uint64_t, std::string> owners_;
};

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

void print(const char* what, const std::map<std::string, tally>& tallies) {
  for (const auto& [owner, counted] : tallies) {
    std::cout << "  " << what << ' ' << owner << ':';
    for (std::size_t i = 0; i < counted.size(); ++i)
      if (counted[i] > 0)
        std::cout << ' ' << counted[i] << ' ' << finding_names[i];
    std::cout << '\n';
  }
}

/// What may not happen, and how often it did.
std::uint64_t failures(const std::map<std::string, tally>& tallies) {
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
  CLI::App app{"Damages a journal's file in a child and looks for damage that goes unnoticed."};
  app.add_option("--flips", flips, "How many bits, one at a time")->capture_default_str();
  app.add_option("--seed", seed, "Repeats a run");
  CLI11_PARSE(app, argc, argv);
  std::cout << "seed " << seed << std::endl;

  test::keep_temporary_files_in_memory();
  std::mt19937_64 random{seed};
  std::map<std::string, tally> flipped, cut;
  for (const bool closed : {true, false}) {
    const test::temporary_directory directory;
    const victim file{directory / "journal", random(), closed};
    std::cout << (closed ? "closed" : "crashed") << " journal: " << file.bytes() << " bytes, "
              << file.held().log.size() - 1 << " events, " << file.held().snapshots
              << " snapshots, " << file.held().tagged << " tags, " << file.held().held << " keys, "
              << file.held().schemas.size() << " generations of schemas\n";
    if (file.held().mistaken > 0 || file.look() != finding::harmless) {
      std::cout << "FAILED: the undamaged journal is not called sound\n";
      return 1;
    }
    const auto note = [&](std::map<std::string, tally>& in, std::size_t place, finding found,
                          const std::string& how) {
      ++in[file.owner_of(place)][static_cast<std::size_t>(found)];
      if (found > finding::reported)
        std::cout << "  " << finding_names[static_cast<std::size_t>(found)] << ": " << how
                  << " byte " << place % file.page_bytes() << " of page "
                  << place / file.page_bytes() << " (" << file.owner_of(place) << ")\n";
    };
    for (std::uint64_t i = 0; i < flips / 2; ++i) {
      const auto place = random_place(file, random);
      const auto bit = static_cast<unsigned>(random() % 8);
      note(flipped, place, file.after_flip(place, bit), "bit " + std::to_string(bit) + " of");
    }
    for (std::uint64_t i = 0; i < flips / 40; ++i) {
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
