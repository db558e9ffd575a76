// Runs a target over every file of the folders given, and over seeded mutations of each: what CI
// does with the seeds and with the inputs that once broke something, without libFuzzer.
//
//   TARGET MUTATIONS FOLDER…
//
// The input that is being read is kept in the file last-input of the working folder, so that after
// a crash it is there to look at.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "target.hpp"

namespace {

using Input = std::vector<std::byte>;

/// One to eight edits: a byte changed, a bit flipped, a run repeated, dropped or zeroed, the end
/// cut.
Input mutated(Input input, std::mt19937_64& random) {
  for (std::uint64_t edits = 1 + random() % 8; edits > 0 && !input.empty(); --edits) {
    const auto at = static_cast<std::ptrdiff_t>(random() % input.size());
    const auto run = static_cast<std::ptrdiff_t>(
        std::min<std::uint64_t>(1 + random() % 32, input.size() - static_cast<std::size_t>(at)));
    const auto first = input.begin() + at;
    switch (random() % 6) {
      case 0:
        *first = static_cast<std::byte>(random());
        break;
      case 1:
        *first ^= static_cast<std::byte>(1U << (random() % 8));
        break;
      case 2: {
        const Input piece(first, first + run);
        input.insert(first, piece.begin(), piece.end());
        break;
      }
      case 3:
        input.erase(first, first + run);
        break;
      case 4:
        std::fill(first, first + run, random() % 2 == 0 ? std::byte{0} : std::byte{0xFF});
        break;
      default:
        input.resize(static_cast<std::size_t>(at));
    }
  }
  return input;
}

/// Whether the input was taken; false where it was refused with a message.
bool taken(const Input& input) {
  std::FILE* file = std::fopen("last-input", "wb");
  if (file == nullptr || std::fwrite(input.data(), 1, input.size(), file) != input.size() ||
      std::fclose(file) != 0) {
    std::perror("last-input");
    std::exit(1);
  }
  try {
    caft::fuzz::parse(input);
    return true;
  } catch (const caft::Error&) {
    return false;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s MUTATIONS FOLDER...\n", arguments[0]);
    return 2;
  }
  const long mutations = std::strtol(arguments[1], nullptr, 10);
  std::vector<std::filesystem::path> files;
  for (int i = 2; i < count; ++i) {
    if (!std::filesystem::exists(arguments[i])) continue;  // nothing has broken this target yet
    for (const auto& entry : std::filesystem::recursive_directory_iterator(arguments[i]))
      if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  if (files.empty()) {
    std::fprintf(stderr, "error: no inputs\n");
    return 1;
  }
  std::mt19937_64 random(1);
  long runs = 0, accepted = 0;
  for (const auto& path : files) {
    const Input input = caft::read_file(path, std::uint64_t{1} << 26);
    accepted += taken(input) ? 1 : 0;
    for (long i = 0; i < mutations; ++i) accepted += taken(mutated(input, random)) ? 1 : 0;
    runs += 1 + mutations;
  }
  std::printf("%ld inputs from %zu files, %ld taken, the rest refused\n", runs, files.size(),
              accepted);
  if (accepted == 0) {
    std::fprintf(stderr, "error: not even the seeds were taken\n");
    return 1;
  }
  return 0;
}
