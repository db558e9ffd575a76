#include "report/sample_data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "report/sample_picture.hpp"

namespace caft::sample {
namespace {

using nlohmann::json;
using Counts = std::vector<std::vector<std::uint64_t>>;

std::string class_name(std::size_t index) {
  constexpr std::array kNames = {"disc", "ring", "cross", "square", "triangle", "stripes"};
  const std::string name = kNames[index % kNames.size()];
  return index < kNames.size() ? name : name + " " + std::to_string(index / kNames.size() + 1);
}

/// Most images right, the others taken for a neighbour.
Counts confusion(std::size_t classes, std::mt19937& random) {
  Counts counts(classes, std::vector<std::uint64_t>(classes, 0));
  for (std::size_t truth = 0; truth < classes; ++truth) {
    const int images = std::uniform_int_distribution(60, 140)(random);
    const double right = std::uniform_real_distribution(0.78, 0.98)(random);
    for (int i = 0; i < images; ++i) {
      std::size_t predicted = truth;
      if (!std::bernoulli_distribution(right)(random)) {
        const auto step = 1 + static_cast<std::size_t>(std::geometric_distribution(0.5)(random));
        predicted = (truth + step) % classes;
      }
      ++counts[truth][predicted];
    }
  }
  return counts;
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// Wilson's interval at 95 %.
json interval(double p, double n) {
  const double z = 1.959964, scale = 1 / (1 + z * z / n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {scale * (p + z * z / (2 * n) - half), scale * (p + z * z / (2 * n) + half)};
}

json reliability(std::uint64_t n, double accuracy) {
  json bins = json::array();
  std::uint64_t left = n;
  for (int bin = 14; bin >= 0; --bin) {
    const auto count = bin == 0 ? 0
                                : std::min(left, static_cast<std::uint64_t>(
                                                     std::ceil(static_cast<double>(left) * 0.42)));
    left -= count;
    const double middle = (bin + 0.5) / 15;
    const double wave = 0.05 * std::sin(bin * 1.7) - (1 - accuracy) * 0.25 * middle;
    bins.push_back({{"low", bin / 15.0},
                    {"high", (bin + 1) / 15.0},
                    {"confidence", count == 0 ? 0 : middle + 0.006},
                    {"accuracy", count == 0 ? 0 : std::clamp(middle + wave, 0.0, 1.0)},
                    {"count", count}});
  }
  std::reverse(bins.begin(), bins.end());
  return bins;
}

/// As caft::Metrics defines it, over the bins above.
double calibration_error(const json& bins, double n) {
  double sum = 0;
  for (const json& bin : bins) {
    sum += bin["count"].get<double>() *
           std::abs(bin["confidence"].get<double>() - bin["accuracy"].get<double>());
  }
  return sum / n;
}

json metrics(const Counts& counts, const std::string& split) {
  const std::size_t classes = counts.size();
  std::uint64_t n = 0, right = 0;
  double f1_sum = 0;
  json rows = json::array();
  for (std::size_t c = 0; c < classes; ++c) {
    std::uint64_t support = 0, predicted = 0;
    for (std::size_t other = 0; other < classes; ++other) {
      support += counts[c][other];
      predicted += counts[other][c];
    }
    n += support;
    right += counts[c][c];
    const double precision = ratio(counts[c][c], predicted);
    const double recall = ratio(counts[c][c], support);
    const double f1 = precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0.0;
    f1_sum += f1;
    rows.push_back({{"class", class_name(c)},
                    {"precision", precision},
                    {"recall", recall},
                    {"f1", f1},
                    {"support", support}});
  }
  const double accuracy = ratio(right, n);
  const json bins = reliability(n, accuracy);
  const double ece = calibration_error(bins, static_cast<double>(n));
  return {{"split", split},
          {"n", n},
          {"loss", -1.4 * std::log(accuracy)},
          {"accuracy", accuracy},
          {"accuracy_ci95", interval(accuracy, static_cast<double>(n))},
          {"top5", std::min(1.0, accuracy + 0.09)},
          {"macro_f1", f1_sum / static_cast<double>(classes)},
          {"ece", ece},
          {"ece_before_temperature", ece * 2.3},
          {"confusion", counts},
          {"classes", rows},
          {"reliability", bins}};
}

/// A path of five lambdas, and a head that diverged.
json sweep() {
  json table = json::array();
  for (int i = 0; i < 5; ++i) {
    const double mean = 0.86 - 0.01 * i * i;
    table.push_back({{"optimizer", "lbfgs"},
                     {"l2", std::pow(10.0, -i)},
                     {"label_smoothing", 0.1},
                     {"balanced", true},
                     {"mean", mean},
                     {"std", 0.01},
                     {"ci95", {mean - 0.02, mean + 0.02}},
                     {"loss", 0.4 + 0.1 * i}});
  }
  table.push_back({{"optimizer", "sgd"},
                   {"learning_rate", 1000},
                   {"weight_decay", 0},
                   {"label_smoothing", 0},
                   {"balanced", false},
                   {"diverged", true}});
  return {{"heads", 30}, {"folds", 5}, {"repeats", 1}, {"seconds", 1.25}, {"table", table}};
}

/// Two findings of each kind, and three pairs of classes.
json audit() {
  json findings = json::array();
  for (const char* kind :
       {"label_error", "exact_duplicate", "near_duplicate", "leakage", "outlier"}) {
    for (int i = 0; i < 2; ++i) {
      const std::string name = std::string(kind) + "-" + std::to_string(i) + ".png";
      findings.push_back({{"path", "photos/" + name},
                          {"kind", kind},
                          {"score", 0.9 - 0.1 * i},
                          {"label", "daisy"},
                          {"suggested", nullptr},
                          {"thumbnail", picture(static_cast<std::size_t>(i), 3)}});
      if (kind == std::string("label_error")) {
        findings.back()["suggested"] = "rose";
      } else if (kind != std::string("outlier")) {
        findings.back()["other"] = "photos/first.png";
        findings.back()["other_thumbnail"] = picture(2, 7);
      }
    }
  }
  return {{"samples", 2336},
          {"seconds", 1.1},
          {"out_of_fold_accuracy", 0.84},
          {"counts",
           {{"label_error", 31},
            {"exact_duplicate", 2},
            {"near_duplicate", 2},
            {"leakage", 2},
            {"outlier", 2}}},
          {"overlaps",
           {{{"first", "daisy"}, {"second", "rose"}, {"share", 0.04}},
            {{"first", "daisy"}, {"second", "tulip"}, {"share", 0.01}}}},
          {"findings", findings}};
}

json mistakes(const Counts& counts, std::size_t most) {
  json list = json::array();
  double probability = 0.994;
  for (std::size_t truth = 0; truth < counts.size(); ++truth) {
    for (std::size_t p = 0; p < counts.size() && list.size() < most; ++p) {
      if (p == truth || counts[truth][p] == 0) continue;
      const auto seed = static_cast<std::uint32_t>(1000 + list.size());
      list.push_back({{"path", "test/" + class_name(truth) + "/" + std::to_string(seed) + ".png"},
                      {"truth", class_name(truth)},
                      {"predicted", class_name(p)},
                      {"probability", probability},
                      {"thumbnail", picture(truth, seed)}});
      probability -= 0.017;
    }
  }
  return list;
}

json dataset(const Counts& held_out) {
  json classes = json::array(), samples = json::array();
  std::uint64_t train = 0, test = 0;
  for (std::size_t c = 0; c < held_out.size(); ++c) {
    std::uint64_t support = 0;
    for (const auto count : held_out[c]) support += count;
    classes.push_back({{"name", class_name(c)}, {"train", support * 3}, {"test", support}});
    train += support * 3;
    test += support;
    for (std::uint32_t i = 0; i < 8 && samples.size() < 96; ++i) {
      const auto seed = static_cast<std::uint32_t>(c * 50 + i);
      samples.push_back({{"class", class_name(c)},
                         {"path", "train/" + class_name(c) + "/" + std::to_string(i) + ".png"},
                         {"thumbnail", picture(c, seed)}});
    }
  }
  return {{"name", "shapes"},
          {"path", "data/shapes"},
          {"n", train + test},
          {"splits", {{"train", train}, {"test", test}}},
          {"classes", classes},
          {"multi_label", false},
          {"bad_files", {{{"path", "train/ring/17.png"}, {"reason", "truncated after 512 bytes"}}}},
          {"samples", samples}};
}

json training() {
  json history = json::array(), path = json::array();
  for (int i = 1; i <= 38; ++i) {
    history.push_back({{"epoch", i},
                       {"train_loss", 0.21 + 1.55 * std::exp(-i / 5.0)},
                       {"val_loss", 0.34 + 1.42 * std::exp(-i / 5.0) + 0.0004 * i},
                       {"val_accuracy", 0.9 - 0.62 * std::exp(-i / 4.0)}});
  }
  for (int i = -8; i <= 1; ++i) {
    const double off = (i + 3) / 4.0;
    path.push_back({{"lambda", std::pow(10.0, i / 1.5)},
                    {"loss", 0.33 + 0.12 * off * off},
                    {"accuracy", 0.897 - 0.05 * off * off}});
  }
  return {{"head", "linear"},    {"optimizer", "lbfgs"},
          {"epochs", 38},        {"seconds", 0.84},
          {"epoch_ms", 3.1},     {"details", {{"lambda", std::pow(10.0, -2.0)}, {"path", path}}},
          {"temperature", 1.18}, {"history", history}};
}

}  // namespace

json report_data(std::size_t classes) {
  std::mt19937 random(7);
  const Counts held_out = confusion(classes, random);
  json evaluation = metrics(held_out, "test");
  evaluation["mistakes"] = mistakes(held_out, 18);
  json validation = metrics(confusion(classes, random), "out of fold");
  return {{"title", "Shapes: a sample report of made-up data"},
          {"created", "2025-01-31T12:00:00Z"},
          {"caft_version", "0.1.0"},
          {"command", "caft train data/shapes --backbone efficientnet_lite0 --out model"},
          {"dataset", dataset(held_out)},
          {"backbone",
           {{"name", "efficientnet_lite0"},
            {"family", "efficientnet"},
            {"weights", "ImageNet-1k"},
            {"feature_dim", 1280},
            {"params", 4652008},
            {"image_size", 224},
            {"interpolation", "bicubic"},
            {"resize", 256},
            {"onnx_sha256", std::string(64, 'a')},
            {"license", "Apache-2.0"}}},
          {"cache",
           {{"fingerprint", std::string(32, 'b')},
            {"precision", "bf16"},
            {"dtype", "fp16"},
            {"backend", "openvino"},
            {"samples", 2336},
            {"computed", 2336},
            {"reused", 0},
            {"failed", 1},
            {"seconds", 9.71},
            {"images_per_second", 240.6},
            {"bytes", 6123520}}},
          {"training", training()},
          {"validation", validation},
          {"evaluation", evaluation},
          {"sweep", sweep()},
          {"audit", audit()},
          {"machine",
           {{"cpu", "a made-up processor"},
            {"cores", 2},
            {"memory_gib", 8},
            {"os", "Debian GNU/Linux 12"},
            {"gpu", nullptr}}}};
}

json hostile_data() {
  const std::string script = "</script><img src=x onerror=\"window.hacked=1\">";
  const std::string quotes = "\"'&<b>bold</b>\xE2\x80\xA8{{data}}<!--";
  json history = json::array();
  for (int i = 1; i <= 60; ++i) {
    history.push_back({{"epoch", i},
                       {"train_loss", 2.0 / i},
                       {"val_loss", i == 7 ? json(nullptr) : json(2.2 / i)},
                       {"val_accuracy", 1 - 0.8 / i},
                       {"learning_rate", 0.001 * (1 + std::cos(i / 19.1))}});
  }
  return {
      {"title", script},
      {"command", "caft train '" + quotes + "'"},
      {"dataset",
       {{"name", quotes},
        {"classes", {{{"name", script}, {"train", 5}}, {{"name", quotes}, {"train", 4}}}},
        {"samples",
         {{{"class", script}, {"path", quotes}, {"thumbnail", picture(0, 1)}},
          {{"class", "\xFF\xFE not UTF-8"}, {"path", std::string(300, 'w')}}}},
        {"bad_files", {{{"path", script}, {"reason", quotes}}}}}},
      {"training", {{"head", "mlp"}, {"optimizer", "adamw"}, {"epochs", 60}, {"history", history}}},
      {"validation",
       {{"n", 9},
        {"accuracy", 0.5555},
        {"loss", std::nan("")},
        {"confusion", {{5, 0}, {4, 0}}},
        {"classes",
         {{{"class", script}, {"precision", 0.5}, {"recall", 1}, {"f1", 0.7}, {"support", 5}},
          {{"class", quotes}, {"precision", nullptr}, {"recall", 0}, {"support", 4}}}},
        {"mistakes",
         {{{"path", script},
           {"truth", {quotes, "two"}},
           {"predicted", script},
           {"probability", 0.9}}}}}}};
}

}  // namespace caft::sample
