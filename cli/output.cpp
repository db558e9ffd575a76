#include "output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "caft/report/report_data.hpp"
#include "core/log.hpp"

namespace caft::cli {

void print_line(const std::string& line) { fmt::print("{}\n", line); }

void print_json(const nlohmann::json& json) {
  // Names of files may hold any bytes; what is not UTF-8 is shown as the replacement character.
  print_line(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += c + 1 < row.size() ? fmt::format("{:<{}}  ", row[c], widths[c]) : row[c];
    }
    print_line(line);
  }
}

nlohmann::json cache_json(const CachedDataset& cached, const Backbone& backbone) {
  const double seconds = cached.seconds;
  return {{"cache", cached.cache.folder().string()},
          {"fingerprint", cached.cache.fingerprint().id()},
          {"backbone", backbone.card.name},
          {"precision", to_string(backbone.engine->precision())},
          {"engine", backbone.engine->description()},
          {"golden_cosine", backbone.golden_cosine},
          {"samples", cached.keys.size()},
          {"computed", cached.computed},
          {"reused", cached.reused},
          {"failed", cached.bad.size()},
          {"feature_dim", cached.cache.dim()},
          {"dtype", cached.cache.dtype() == DType::f16 ? "fp16" : "fp32"},
          {"bytes", cached.cache.stats().bytes},
          {"seconds", seconds},
          {"images_per_second", seconds > 0 ? static_cast<double>(cached.computed) / seconds : 0},
          {"worker_seconds",
           {{"fetch", cached.times.fetch},
            {"decode", cached.times.decode},
            {"engine", cached.times.engine}}}};
}

void warn_of_bad_files(const CachedDataset& cached) {
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < std::min(kShown, cached.bad.size()); ++i) {
    log_warn("skipped {}: {}", cached.bad[i].path, cached.bad[i].reason);
  }
  if (cached.bad.size() > kShown) log_warn("skipped {} more", cached.bad.size() - kShown);
}

nlohmann::json metrics_json(const Metrics& metrics, const std::vector<std::string>& classes) {
  nlohmann::json json = metrics_section(metrics, classes);
  json["per_class"] = std::exchange(json["classes"], classes);
  json.emplace("confusion", metrics.confusion);  // empty where there is none
  return json;
}

}  // namespace caft::cli
