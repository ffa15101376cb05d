// Runs a fuzz target where libFuzzer is not: the corpus, the seeds, and then so many mutations of
// these, drawn by a seed. No search for new paths: that is libFuzzer's.

#include "command_line.hpp"
#include "scale.hpp"
#include "target.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <random>

namespace {

constexpr std::size_t most_bytes = 4'096;

void run(const fuzz::input& bytes) {
  // A copy of its own, so that a sanitizer sees what is read beyond its end.
  const std::vector<std::uint8_t> copy{bytes.begin(), bytes.end()};
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

std::vector<fuzz::input> read_corpus(const std::filesystem::path& directory) {
  std::vector<fuzz::input> found;
  if (std::filesystem::is_directory(directory))
    for (const auto& entry : std::filesystem::directory_iterator{directory}) {
      std::ifstream file{entry.path(), std::ios::binary};
      found.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
    }
  std::sort(found.begin(), found.end()); // the order of a directory is nobody's
  return found;
}

class mutator {
public:
  mutator(std::vector<fuzz::input> from, std::uint64_t seed)
    : from_{std::move(from)}, random_{seed} {}

  fuzz::input next() {
    fuzz::input bytes = any();
    for (auto changes = 1 + random_() % 6; changes > 0; --changes)
      change(bytes);
    bytes.resize(std::min(bytes.size(), most_bytes));
    return bytes;
  }

private:
  const fuzz::input& any() { return from_[random_() % from_.size()]; }
  std::size_t place(const fuzz::input& in) { return random_() % (in.size() + 1); }

  void change(fuzz::input& bytes) {
    const std::size_t at = place(bytes),
                      size = std::min<std::size_t>(random_() % 24, bytes.size() - at);
    switch (random_() % 7) {
      case 0: flip(bytes); break;
      case 1: overwrite(bytes, at & ~std::size_t{7}); break;
      case 2: bytes.erase(at, size); break;
      case 3: bytes.insert(place(bytes), bytes.substr(at, size)); break;
      case 4: bytes.resize(at); break;
      case 5: bytes.insert(at, 1, static_cast<char>(random_())); break;
      default: {
        const auto& other = any();
        const std::size_t from = place(other);
        bytes.replace(at, size, other.substr(from, random_() % 64));
      }
    }
  }

  void flip(fuzz::input& bytes) {
    if (!bytes.empty())
      bytes[random_() % bytes.size()] ^= static_cast<char>(1 << random_() % 8);
  }

  /// With numbers that bounds are made of.
  void overwrite(fuzz::input& bytes, std::size_t at) {
    static constexpr std::array<std::uint64_t, 8> numbers{
        0,
        1,
        0xff,
        0xffff,
        0x7fffffff,
        0xffffffff,
        std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::uint64_t>::max()};
    const std::uint64_t number = numbers[random_() % numbers.size()];
    const std::size_t size = std::min<std::size_t>(std::size_t{1} << random_() % 4,
                                                   bytes.size() - std::min(at, bytes.size()));
    std::memcpy(bytes.data() + std::min(at, bytes.size()), &number, size);
  }

  std::vector<fuzz::input> from_;
  std::mt19937_64 random_;
};

} // namespace

int main(int argc, char** argv) {
  std::uint64_t runs = test::scaled(20'000, 1'250'000);
  std::uint64_t seed = test::fresh_seed();
  std::filesystem::path corpus;
  std::filesystem::path write_to;
  test::command_line options{"Decodes whatever it is given."};
  options.add("corpus", corpus, "A folder of inputs");
  options.add("--runs", runs, "How many mutations", {.environment = "CAIRN_FUZZ_RUNS"});
  options.add("--seed", seed, "Repeats a run");
  options.add("--write", write_to, "Write the encoder's seeds to this folder, and nothing else");
  options.parse(argc, argv);

  auto inputs = fuzz::seeds();
  if (!write_to.empty()) {
    for (std::size_t i = 0; i < inputs.size(); ++i)
      std::ofstream{write_to / ("seed-" + std::to_string(i)), std::ios::binary} << inputs[i];
    return 0;
  }
  std::cout << "seed " << seed << std::endl;
  const auto kept = read_corpus(corpus);
  inputs.insert(inputs.end(), kept.begin(), kept.end());
  std::for_each(inputs.begin(), inputs.end(), run);
  mutator mutations{inputs, seed};
  for (std::uint64_t i = 0; i < runs; ++i)
    run(mutations.next());
  std::cout << inputs.size() << " inputs and " << runs << " mutations decoded, 0 findings\n";
}
