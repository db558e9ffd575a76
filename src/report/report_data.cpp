#include "caft/report/report_data.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "caft/core/file.hpp"
#include "caft/core/system_info.hpp"
#include "caft/core/version.hpp"
#include "caft/report/report.hpp"
#include "report/thumbnail.hpp"

namespace caft {
namespace {

constexpr int kThumbnailSide = 120;

/// Thumbnails of a few images of each class, evenly spread; fewer a class when there are many
/// classes.
nlohmann::json sample_images(const Dataset& dataset) {
  constexpr std::size_t kMost = 96, kMostPerClass = 8;
  const std::size_t per_class = std::clamp<std::size_t>(
      kMost / std::max<std::size_t>(1, dataset.classes.size()), 1, kMostPerClass);
  std::vector<std::vector<std::size_t>> of_class(dataset.classes.size());
  for (std::size_t i = 0; i < dataset.samples.size(); ++i) {
    for (const std::int32_t label : dataset.samples[i].labels) {
      of_class[static_cast<std::size_t>(label)].push_back(i);
    }
  }
  nlohmann::json samples = nlohmann::json::array();
  for (std::size_t c = 0; c < of_class.size() && samples.size() < kMost; ++c) {
    const std::size_t shown = std::min(per_class, of_class[c].size());
    for (std::size_t k = 0; k < shown; ++k) {
      const ImageSource& source =
          dataset.samples[of_class[c][k * of_class[c].size() / shown]].source;
      const std::string uri = report::thumbnail_uri(source, kThumbnailSide);
      if (uri.empty()) continue;
      samples.push_back(
          {{"class", dataset.classes[c]}, {"path", source.display_name()}, {"thumbnail", uri}});
    }
  }
  return samples;
}

nlohmann::json reliability_json(const Metrics& metrics) {
  nlohmann::json bins = nlohmann::json::array();
  for (const ReliabilityBin& bin : metrics.reliability) {
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"confidence", bin.confidence},
                    {"accuracy", bin.accuracy},
                    {"count", bin.count}});
  }
  return bins;
}

}  // namespace

nlohmann::json dataset_section(const Dataset& dataset, const std::filesystem::path& path,
                               const std::vector<BadFile>& bad) {
  struct Counts {
    std::size_t train = 0, val = 0, test = 0;
    std::size_t& of(Split split) {
      return split == Split::test ? test : split == Split::val ? val : train;
    }
  };
  Counts total;
  std::vector<Counts> per_class(dataset.classes.size());
  for (const Sample& sample : dataset.samples) {
    ++total.of(sample.split);
    for (const std::int32_t label : sample.labels) {
      ++per_class[static_cast<std::size_t>(label)].of(sample.split);
    }
  }
  nlohmann::json classes = nlohmann::json::array();
  for (std::size_t c = 0; c < per_class.size(); ++c) {
    classes.push_back({{"name", dataset.classes[c]},
                       {"train", per_class[c].train},
                       {"val", per_class[c].val},
                       {"test", per_class[c].test}});
  }
  nlohmann::json bad_files = nlohmann::json::array();
  for (const BadFile& file : bad)
    bad_files.push_back({{"path", file.path}, {"reason", file.reason}});
  return {{"name", dataset.name},
          {"path", path.string()},
          {"n", dataset.samples.size()},
          {"splits", {{"train", total.train}, {"val", total.val}, {"test", total.test}}},
          {"classes", classes},
          {"multi_label", dataset.multi_label},
          {"bad_files", bad_files},
          {"samples", sample_images(dataset)}};
}

nlohmann::json backbone_section(const Backbone& backbone) {
  const Preprocessing& spec = backbone.preprocessing;
  return {{"name", backbone.card.name},
          {"family", backbone.card.family},
          {"weights", backbone.card.weights},
          {"feature_dim", backbone.card.feature_dim},
          {"params", backbone.card.params},
          {"image_size", spec.height},
          {"interpolation", spec.interpolation == Interpolation::bicubic ? "bicubic" : "bilinear"},
          {"resize", spec.mode == ResizeMode::exact ? spec.height : spec.resize},
          {"onnx_sha256", backbone.card.onnx_sha256},
          {"license", backbone.card.license}};
}

nlohmann::json metrics_section(const Metrics& metrics, const std::vector<std::string>& classes) {
  nlohmann::json per_class = nlohmann::json::array();
  for (std::size_t c = 0; c < metrics.per_class.size(); ++c) {
    const ClassMetrics& m = metrics.per_class[c];
    per_class.push_back({{"class", classes[c]},
                         {"precision", m.precision},
                         {"recall", m.recall},
                         {"f1", m.f1},
                         {"support", m.support}});
  }
  nlohmann::json section = {{"n", metrics.n},
                            {"loss", metrics.loss},
                            {"accuracy", metrics.accuracy},
                            {"top5", metrics.top5},
                            {"macro_f1", metrics.macro_f1},
                            {"ece", metrics.ece},
                            {"classes", per_class},
                            {"reliability", reliability_json(metrics)}};
  if (!metrics.confusion.empty()) section["confusion"] = metrics.confusion;
  if (metrics.roc_auc) section["roc_auc"] = *metrics.roc_auc;
  return section;
}

nlohmann::json evaluation_section(const Evaluation& evaluation, const Dataset& dataset,
                                  const std::vector<std::string>& classes,
                                  const std::string& split) {
  constexpr std::size_t kMostMistakes = 24;
  nlohmann::json section = metrics_section(evaluation.metrics, classes);
  section["split"] = split.empty() ? "held out" : split;
  section["accuracy_ci95"] = {evaluation.accuracy_low, evaluation.accuracy_high};
  section["ece_before_temperature"] = evaluation.ece_uncalibrated;
  nlohmann::json mistakes = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min(kMostMistakes, evaluation.mistakes.size()); ++i) {
    const Mistake& mistake = evaluation.mistakes[i];
    const ImageSource& source = dataset.samples[mistake.sample].source;
    mistakes.push_back({{"path", source.display_name()},
                        {"truth", classes[static_cast<std::size_t>(mistake.truth)]},
                        {"predicted", classes[static_cast<std::size_t>(mistake.predicted)]},
                        {"probability", mistake.probability},
                        {"thumbnail", report::thumbnail_uri(source, kThumbnailSide)}});
  }
  section["mistakes"] = mistakes;
  return section;
}

void save_report(const std::filesystem::path& model_folder, nlohmann::json data) {
  const SystemInfo machine = system_info();
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  data["created"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
  data["caft_version"] = version();
  data["machine"] = {{"cpu", machine.cpu},
                     {"cores", machine.cores},
                     {"memory_gib", machine.memory_gib},
                     {"os", machine.os}};
  // File names may hold any bytes; JSON may not.
  const std::string text = data.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
  write_file_atomically(model_folder / "report.json", text);
  write_report(model_folder / "report.html", nlohmann::json::parse(text));
}

nlohmann::json load_report(const std::filesystem::path& model_folder) {
  const std::filesystem::path file = model_folder / "report.json";
  if (!std::filesystem::exists(file)) return nlohmann::json::object();
  const nlohmann::json data = nlohmann::json::parse(read_text(file), nullptr, false);
  return data.is_object() ? data : nlohmann::json::object();
}

}  // namespace caft
