// Scores of a sweep, kept as they become known.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

namespace caft::lab {

/// How one head did on the samples that it was not shown.
struct FoldScore {
  double accuracy = 0, loss = 0;
  int epochs = 0;  ///< 0: L-BFGS; -1: diverged
};

/// A JSONL file: its first line names the sweep, each other one is a score. A line cut short by a
/// kill is dropped. Without a file it is a table in memory. Thread-safe.
class Journal {
 public:
  struct Place {
    std::size_t combination = 0;
    int repeat = 0, fold = 0;
    auto operator<=>(const Place&) const = default;
  };

  /// Reads what `file` holds, or begins it. Throws Error(mismatch) when it is another sweep's.
  Journal(std::filesystem::path file, const std::string& sweep);

  [[nodiscard]] std::size_t found() const { return found_; }  ///< scores that the file held
  [[nodiscard]] bool has(const Place& place) const;
  [[nodiscard]] FoldScore at(const Place& place) const;
  /// Stores scores, and writes them to the file in one go.
  void add(const std::map<Place, FoldScore>& scores);

 private:
  void read(const std::string& sweep);

  std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::map<Place, FoldScore> scores_;
  std::size_t found_ = 0;
};

}  // namespace caft::lab
