#include "lab/journal.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"

namespace caft::lab {

Journal::Journal(std::filesystem::path file, const std::string& sweep) : file_(std::move(file)) {
  if (!file_.empty()) read(sweep);
}

void Journal::read(const std::string& sweep) {
  std::string kept = nlohmann::json{{"format", "caft-sweep-1"}, {"sweep", sweep}}.dump() + "\n";
  if (std::filesystem::exists(file_)) {
    std::istringstream lines(read_text(file_));
    std::string line;
    std::getline(lines, line);
    const nlohmann::json head = nlohmann::json::parse(line, nullptr, false);
    if (!head.is_object() || head.value("sweep", "") != sweep) {
      throw Error(
          ErrorKind::mismatch,
          file_.string() + " is not the journal of this sweep (other data, features or grid)",
          "name another file, or remove it");
    }
    while (std::getline(lines, line)) {
      const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
      if (!json.is_array() || json.size() != 6) break;  // cut short by a kill
      scores_[{json[0].get<std::size_t>(), json[1].get<int>(), json[2].get<int>()}] = {
          json[3].get<double>(), json[4].get<double>(), json[5].get<int>()};
      kept += line + "\n";
    }
    found_ = scores_.size();
  } else if (file_.has_parent_path()) {
    std::filesystem::create_directories(file_.parent_path());
  }
  write_file_atomically(file_, kept);
}

bool Journal::has(const Place& place) const {
  const std::lock_guard lock(mutex_);
  return scores_.contains(place);
}

FoldScore Journal::at(const Place& place) const {
  const std::lock_guard lock(mutex_);
  return scores_.at(place);
}

void Journal::add(const std::map<Place, FoldScore>& scores) {
  const std::lock_guard lock(mutex_);
  std::string lines;
  for (const auto& [place, score] : scores) {
    scores_[place] = score;
    lines += nlohmann::json::array({place.combination, place.repeat, place.fold, score.accuracy,
                                    score.loss, score.epochs})
                 .dump() +
             "\n";
  }
  if (file_.empty()) return;
  std::ofstream out(file_, std::ios::app);
  if (!(out << lines << std::flush)) {
    throw Error(ErrorKind::io, "cannot write " + file_.string(), "see whether the disk is full");
  }
}

}  // namespace caft::lab
