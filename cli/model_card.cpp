#include "model_card.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "caft/core/version.hpp"
#include "output.hpp"

namespace caft::cli {
namespace {

/// A name in a Markdown table: on one line, and no markup of its own.
std::string cell(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      safe += ' ';
      continue;
    }
    if (std::string_view("|\\`*_<>[]").find(c) != std::string_view::npos) safe += '\\';
    safe += c;
  }
  return safe;
}

nlohmann::json limits(const Model& model, const Evaluation& evaluation) {
  nlohmann::json list = nlohmann::json::array();
  list.push_back(
      "It answers with one of its classes whatever the image shows: an image of none of them gets "
      "a "
      "class too. A low probability is a hint, not a proof.");
  list.push_back(fmt::format(
      "Its metrics hold for images like the {} it was scored on. Another camera, another place or "
      "another selection of images may do worse: score it on some of your own.",
      evaluation.metrics.n));
  const auto& classes = evaluation.metrics.per_class;
  for (std::size_t c = 0; c < classes.size() && c < model.classes.size(); ++c) {
    if (classes[c].support >= 20) continue;
    list.push_back(fmt::format("The class {} was scored on {} images only.", cell(model.classes[c]),
                               classes[c].support));
  }
  return list;
}

std::string number(const nlohmann::json& value) {
  return fmt::format("{:.4f}", value.get<double>());
}

}  // namespace

nlohmann::json model_card(const ModelCardInput& input) {
  const Model& model = input.model;
  const Evaluation& evaluation = input.evaluation;
  nlohmann::json metrics = metrics_json(evaluation.metrics, model.classes);
  metrics["accuracy_ci95"] = {evaluation.accuracy_low, evaluation.accuracy_high};
  nlohmann::json data = model.data;
  for (const char* local : {"path", "cache"}) data.erase(local);
  return {{"format", "caft-model-card-1"},
          {"file", input.file},
          {"sha256", input.sha256},
          {"caft_version", version()},
          {"classes", model.classes},
          {"multi_label", model.multi_label},
          {"head", model.head.kind},
          {"temperature", model.temperature},
          {"input", input.input},
          {"precision", input.precision},
          {"preprocessing", to_json(model.preprocessing)},
          {"backbone",
           {{"name", input.card.name},
            {"family", input.card.family},
            {"source", input.card.source},
            {"weights", input.card.weights},
            {"license", input.card.license}}},
          {"data", data},
          {"metrics", metrics},
          {"replays", input.replays},
          {"limits", limits(model, evaluation)}};
}

std::string model_card_markdown(const nlohmann::json& card) {
  const nlohmann::json& backbone = card.at("backbone");
  const nlohmann::json& metrics = card.at("metrics");
  const auto text = [](const nlohmann::json& value) { return cell(value.get<std::string>()); };
  std::string out = fmt::format("# {}\n\n", text(card.at("file")));
  out += fmt::format(
      "An image classifier of {} classes: {} ({}, {}, licence {}) with a {} head, trained by caft "
      "{}. "
      "SHA-256 `{}`.\n\n",
      card.at("classes").size(), text(backbone.at("name")), text(backbone.at("source")),
      text(backbone.at("weights")), text(backbone.at("license")), text(card.at("head")),
      text(card.at("caft_version")), card.at("sha256").get<std::string>());
  const nlohmann::json& data = card.at("data");
  out += fmt::format("## Data\n{}: {} images to learn from", cell(data.value("name", "unnamed")),
                     data.value("train", 0));
  if (data.value("val", 0) > 0) out += fmt::format(", {} to choose on", data.value("val", 0));
  out += fmt::format(", {} that it had not seen to score it on.\n\n",
                     metrics.at("n").get<std::size_t>());

  out += "## Metrics\n";
  out += fmt::format(
      "Accuracy {} (95 % interval {} to {}), macro F1 {}, expected calibration error "
      "{}.\n\n",
      number(metrics.at("accuracy")), number(metrics.at("accuracy_ci95").at(0)),
      number(metrics.at("accuracy_ci95").at(1)), number(metrics.at("macro_f1")),
      number(metrics.at("ece")));
  out += "| class | precision | recall | F1 | images |\n|---|---|---|---|---|\n";
  for (const nlohmann::json& one : metrics.at("per_class")) {
    out += fmt::format("| {} | {} | {} | {} | {} |\n", text(one.at("class")),
                       number(one.at("precision")), number(one.at("recall")), number(one.at("f1")),
                       one.at("support").get<std::uint64_t>());
  }
  out += "\n## What the file does with the same images\n";
  out +=
      "| runtime | agreement | accuracy | largest difference of a probability "
      "|\n|---|---|---|---|\n";
  for (const nlohmann::json& one : card.at("replays")) {
    out +=
        fmt::format("| {} | {} of {} | {} | {:.2g} |\n", text(one.at("runtime")),
                    one.at("counted").get<std::size_t>() - one.at("disagreeing").get<std::size_t>(),
                    one.at("counted").get<std::size_t>(), number(one.at("accuracy")),
                    one.at("max_difference").get<double>());
  }
  out += fmt::format("\n## Input\n{}, {}. Preprocessing: `{}`.\n\n", text(card.at("input")),
                     text(card.at("precision")), card.at("preprocessing").dump());
  out += "## Limits\n";
  for (const nlohmann::json& one : card.at("limits"))
    out += fmt::format("- {}\n", one.get<std::string>());
  return out;
}

}  // namespace caft::cli
