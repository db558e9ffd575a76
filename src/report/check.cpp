#include "report/check.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "caft/core/error.hpp"

namespace caft::report {
namespace {

using nlohmann::json;

enum class Kind : std::uint8_t { object, list, text, texts, number, flag, picture };

/// A place and what may stand there. "a.b[].c" is key c of each element of list b of object a.
/// "evaluation" rules are applied to "validation" too, which has the same keys.
struct Rule {
  std::string_view path;
  Kind kind;
};

constexpr std::array kTopLevel = {"title",    "created", "caft_version", "command",    "dataset",
                                  "backbone", "cache",   "training",     "validation", "evaluation",
                                  "machine",  "sweep",   "audit"};

constexpr std::array kRules = {
    Rule{"title", Kind::text},
    Rule{"created", Kind::text},
    Rule{"caft_version", Kind::text},
    Rule{"command", Kind::text},
    Rule{"dataset", Kind::object},
    Rule{"dataset.name", Kind::text},
    Rule{"dataset.path", Kind::text},
    Rule{"dataset.n", Kind::number},
    Rule{"dataset.splits", Kind::object},
    Rule{"dataset.splits.train", Kind::number},
    Rule{"dataset.splits.val", Kind::number},
    Rule{"dataset.splits.test", Kind::number},
    Rule{"dataset.classes", Kind::list},
    Rule{"dataset.classes[]", Kind::object},
    Rule{"dataset.classes[].name", Kind::text},
    Rule{"dataset.classes[].train", Kind::number},
    Rule{"dataset.classes[].val", Kind::number},
    Rule{"dataset.classes[].test", Kind::number},
    Rule{"dataset.multi_label", Kind::flag},
    Rule{"dataset.bad_files", Kind::list},
    Rule{"dataset.bad_files[]", Kind::object},
    Rule{"dataset.bad_files[].path", Kind::text},
    Rule{"dataset.bad_files[].reason", Kind::text},
    Rule{"dataset.samples", Kind::list},
    Rule{"dataset.samples[]", Kind::object},
    Rule{"dataset.samples[].class", Kind::text},
    Rule{"dataset.samples[].path", Kind::text},
    Rule{"dataset.samples[].thumbnail", Kind::picture},
    Rule{"backbone", Kind::object},
    Rule{"backbone.name", Kind::text},
    Rule{"backbone.family", Kind::text},
    Rule{"backbone.weights", Kind::text},
    Rule{"backbone.feature_dim", Kind::number},
    Rule{"backbone.params", Kind::number},
    Rule{"backbone.image_size", Kind::number},
    Rule{"backbone.interpolation", Kind::text},
    Rule{"backbone.resize", Kind::number},
    Rule{"backbone.onnx_sha256", Kind::text},
    Rule{"backbone.license", Kind::text},
    Rule{"cache", Kind::object},
    Rule{"cache.fingerprint", Kind::text},
    Rule{"cache.precision", Kind::text},
    Rule{"cache.dtype", Kind::text},
    Rule{"cache.backend", Kind::text},
    Rule{"cache.engine", Kind::text},
    Rule{"cache.samples", Kind::number},
    Rule{"cache.computed", Kind::number},
    Rule{"cache.reused", Kind::number},
    Rule{"cache.failed", Kind::number},
    Rule{"cache.seconds", Kind::number},
    Rule{"cache.images_per_second", Kind::number},
    Rule{"cache.bytes", Kind::number},
    Rule{"training", Kind::object},
    Rule{"training.head", Kind::text},
    Rule{"training.optimizer", Kind::text},
    Rule{"training.epochs", Kind::number},
    Rule{"training.seconds", Kind::number},
    Rule{"training.epoch_ms", Kind::number},
    Rule{"training.temperature", Kind::number},
    Rule{"training.details", Kind::object},
    Rule{"training.details.lambda", Kind::number},
    Rule{"training.details.path", Kind::list},
    Rule{"training.details.path[]", Kind::object},
    Rule{"training.details.path[].lambda", Kind::number},
    Rule{"training.details.path[].loss", Kind::number},
    Rule{"training.details.path[].accuracy", Kind::number},
    Rule{"training.history", Kind::list},
    Rule{"training.history[]", Kind::object},
    Rule{"training.history[].epoch", Kind::number},
    Rule{"training.history[].train_loss", Kind::number},
    Rule{"training.history[].val_loss", Kind::number},
    Rule{"training.history[].val_accuracy", Kind::number},
    Rule{"training.history[].learning_rate", Kind::number},
    Rule{"evaluation", Kind::object},
    Rule{"evaluation.split", Kind::text},
    Rule{"evaluation.n", Kind::number},
    Rule{"evaluation.loss", Kind::number},
    Rule{"evaluation.accuracy", Kind::number},
    Rule{"evaluation.accuracy_ci95", Kind::list},
    Rule{"evaluation.accuracy_ci95[]", Kind::number},
    Rule{"evaluation.top5", Kind::number},
    Rule{"evaluation.macro_f1", Kind::number},
    Rule{"evaluation.ece", Kind::number},
    Rule{"evaluation.ece_before_temperature", Kind::number},
    Rule{"evaluation.roc_auc", Kind::number},
    Rule{"evaluation.confusion", Kind::list},
    Rule{"evaluation.confusion[]", Kind::list},
    Rule{"evaluation.confusion[][]", Kind::number},
    Rule{"evaluation.classes", Kind::list},
    Rule{"evaluation.classes[]", Kind::object},
    Rule{"evaluation.classes[].class", Kind::text},
    Rule{"evaluation.classes[].precision", Kind::number},
    Rule{"evaluation.classes[].recall", Kind::number},
    Rule{"evaluation.classes[].f1", Kind::number},
    Rule{"evaluation.classes[].support", Kind::number},
    Rule{"evaluation.reliability", Kind::list},
    Rule{"evaluation.reliability[]", Kind::object},
    Rule{"evaluation.reliability[].low", Kind::number},
    Rule{"evaluation.reliability[].high", Kind::number},
    Rule{"evaluation.reliability[].confidence", Kind::number},
    Rule{"evaluation.reliability[].accuracy", Kind::number},
    Rule{"evaluation.reliability[].count", Kind::number},
    Rule{"evaluation.mistakes", Kind::list},
    Rule{"evaluation.mistakes[]", Kind::object},
    Rule{"evaluation.mistakes[].path", Kind::text},
    Rule{"evaluation.mistakes[].truth", Kind::texts},
    Rule{"evaluation.mistakes[].predicted", Kind::texts},
    Rule{"evaluation.mistakes[].probability", Kind::number},
    Rule{"evaluation.mistakes[].thumbnail", Kind::picture},
    Rule{"sweep", Kind::object},
    Rule{"sweep.heads", Kind::number},
    Rule{"sweep.folds", Kind::number},
    Rule{"sweep.repeats", Kind::number},
    Rule{"sweep.seconds", Kind::number},
    Rule{"sweep.table", Kind::list},
    Rule{"sweep.table[]", Kind::object},
    Rule{"sweep.table[].optimizer", Kind::text},
    Rule{"sweep.table[].l2", Kind::number},
    Rule{"sweep.table[].learning_rate", Kind::number},
    Rule{"sweep.table[].weight_decay", Kind::number},
    Rule{"sweep.table[].label_smoothing", Kind::number},
    Rule{"sweep.table[].balanced", Kind::flag},
    Rule{"sweep.table[].mean", Kind::number},
    Rule{"sweep.table[].std", Kind::number},
    Rule{"sweep.table[].ci95", Kind::list},
    Rule{"sweep.table[].ci95[]", Kind::number},
    Rule{"sweep.table[].loss", Kind::number},
    Rule{"audit", Kind::object},
    Rule{"audit.samples", Kind::number},
    Rule{"audit.seconds", Kind::number},
    Rule{"audit.out_of_fold_accuracy", Kind::number},
    Rule{"audit.counts", Kind::object},
    Rule{"audit.overlaps", Kind::list},
    Rule{"audit.overlaps[]", Kind::object},
    Rule{"audit.overlaps[].first", Kind::text},
    Rule{"audit.overlaps[].second", Kind::text},
    Rule{"audit.overlaps[].share", Kind::number},
    Rule{"audit.findings", Kind::list},
    Rule{"audit.findings[]", Kind::object},
    Rule{"audit.findings[].path", Kind::text},
    Rule{"audit.findings[].kind", Kind::text},
    Rule{"audit.findings[].score", Kind::number},
    Rule{"audit.findings[].label", Kind::texts},
    Rule{"audit.findings[].suggested", Kind::text},
    Rule{"audit.findings[].thumbnail", Kind::picture},
    Rule{"audit.findings[].other", Kind::text},
    Rule{"audit.findings[].other_thumbnail", Kind::picture},
    Rule{"machine", Kind::object},
    Rule{"machine.cpu", Kind::text},
    Rule{"machine.cores", Kind::number},
    Rule{"machine.memory_gib", Kind::number},
    Rule{"machine.os", Kind::text},
    Rule{"machine.gpu", Kind::text},
};

[[noreturn]] void refuse(const std::string& where, const std::string& problem) {
  throw Error(ErrorKind::usage, "report data: " + where + " " + problem,
              "docs/report_data.md lists what may stand there");
}

bool is_picture(const json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.empty() ||
         std::ranges::any_of(std::array{"data:image/jpeg;base64,", "data:image/png;base64,",
                                        "data:image/webp;base64,"},
                             [&](const char* start) { return text.starts_with(start); });
}

bool fits(const json& value, Kind kind) {
  switch (kind) {
    case Kind::object:
      return value.is_object();
    case Kind::list:
      return value.is_array();
    case Kind::text:
      return value.is_string();
    case Kind::texts:
      return value.is_string() ||
             (value.is_array() &&
              std::ranges::all_of(value, [](const json& item) { return item.is_string(); }));
    case Kind::number:
      return value.is_number();
    case Kind::flag:
      return value.is_boolean();
    case Kind::picture:
      return is_picture(value);
  }
  return false;
}

std::string_view describe(Kind kind) {
  switch (kind) {
    case Kind::object:
      return "an object";
    case Kind::list:
      return "an array";
    case Kind::text:
      return "a string";
    case Kind::texts:
      return "a string or an array of strings";
    case Kind::number:
      return "a number";
    case Kind::flag:
      return "true or false";
    case Kind::picture:
      return "a base64 data URI of a JPEG, PNG or WebP image";
  }
  return "something else";
}

/// Applies a rule to everything that its path reaches from `value`. Absent and null places are
/// skipped: every part of a report is optional, and null is how JSON writes a number that is not
/// finite. A wrong type on the way is left to the rule of that place.
void apply(const json& value, std::string_view path, Kind kind, const std::string& where) {
  if (value.is_null()) return;
  if (path.empty()) {
    if (!fits(value, kind)) {
      refuse(where, "must be " + std::string(describe(kind)) + ", not " + value.type_name());
    }
    return;
  }
  if (path.starts_with("[]")) {
    if (!value.is_array()) return;
    for (std::size_t i = 0; i < value.size(); ++i) {
      apply(value[i], path.substr(2), kind, where + "[" + std::to_string(i) + "]");
    }
    return;
  }
  if (path.front() == '.') path.remove_prefix(1);
  const std::string key(path.substr(0, path.find_first_of(".[")));
  if (!value.is_object()) return;
  const auto found = value.find(key);
  if (found == value.end()) return;
  apply(*found, path.substr(key.size()), kind, where.empty() ? key : where + "." + key);
}

void check_confusion(const json& metrics, const std::string& section) {
  const json confusion = metrics.value("confusion", json::array());
  if (confusion.is_null() || confusion.empty()) return;
  for (const json& row : confusion) {
    if (row.size() != confusion.size()) refuse(section + ".confusion", "must be square");
  }
  if (metrics.value("classes", json::array()).size() != confusion.size()) {
    refuse(section + ".classes", "must name every row of the confusion matrix");
  }
}

}  // namespace

void check_report_data(const json& data) {
  if (!data.is_object()) refuse("the whole", "must be an object");
  if (!data.contains("title") || !data["title"].is_string()) refuse("title", "must be a string");
  for (const auto& [key, value] : data.items()) {
    if (std::ranges::find(kTopLevel, key) == kTopLevel.end())
      refuse("\"" + key + "\"", "is unknown");
  }
  constexpr std::string_view kEvaluation = "evaluation";
  for (const Rule& rule : kRules) {
    apply(data, rule.path, rule.kind, {});
    if (rule.path.starts_with(kEvaluation)) {
      apply(data, "validation" + std::string(rule.path.substr(kEvaluation.size())), rule.kind, {});
    }
  }
  for (const char* section : {"validation", "evaluation"}) {
    if (const auto found = data.find(section); found != data.end() && found->is_object()) {
      check_confusion(*found, section);
    }
  }
}

}  // namespace caft::report
