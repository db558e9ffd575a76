// caft predict MODEL IMAGES…
#include <fmt/format.h>

#include <atomic>

#include "caft/core/error.hpp"
#include "caft/model/export.hpp"
#include "caft/model/predictor.hpp"
#include "options.hpp"
#include "output.hpp"
#include "plan_options.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct PredictVerb {
  std::string model, card;
  std::vector<std::filesystem::path> images;
  bool csv = false, jsonl = false;
  int top = 5;
  double max_bad = 0.01, coverage = 0, reject = 0;
  EngineOptions engine;
  DecodeFlag decode;
  ForeignPlanFlags plan;
};

nlohmann::json prediction_json(const std::string& path, const Prediction& prediction,
                               const Model& model) {
  if (!prediction.error.empty()) return {{"path", path}, {"error", prediction.error}};
  nlohmann::json top = nlohmann::json::array();
  for (const ClassProbability& p : prediction.top) {
    top.push_back({{"class", model.classes[static_cast<std::size_t>(p.index)]},
                   {"probability", p.probability}});
  }
  nlohmann::json json = {{"path", path}, {"top", top}};
  for (const std::int32_t c : prediction.set) {
    json["set"].push_back(model.classes[static_cast<std::size_t>(c)]);
  }
  if (!model.multi_label) json["energy"] = prediction.energy;
  if (prediction.rejected) json["rejected"] = true;
  return json;
}

/// A CSV field as RFC 4180 quotes it.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void print_csv(const std::vector<std::string>& paths, const std::vector<Prediction>& predictions,
               const Model& model) {
  print_line("path,rank,class,probability,error");
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (!predictions[i].error.empty()) {
      print_line(fmt::format("{},,,,{}", csv_field(paths[i]), csv_field(predictions[i].error)));
    }
    for (std::size_t rank = 0; rank < predictions[i].top.size(); ++rank) {
      const ClassProbability& p = predictions[i].top[rank];
      print_line(fmt::format("{},{},{},{:.6f},", csv_field(paths[i]), rank + 1,
                             csv_field(model.classes[static_cast<std::size_t>(p.index)]),
                             p.probability));
    }
  }
}

void print_for_people(const std::vector<std::string>& paths,
                      const std::vector<Prediction>& predictions, const Model& model) {
  std::vector<std::vector<std::string>> rows{{"image", "classes"}};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    std::string cell = predictions[i].error.empty() ? "" : "unreadable: " + predictions[i].error;
    if (predictions[i].rejected) cell = "rejected: unlike the training images (";
    for (const ClassProbability& p : predictions[i].top) {
      cell += fmt::format("{}{} {:.4f}", cell.empty() || cell.ends_with('(') ? "" : ", ",
                          model.classes[static_cast<std::size_t>(p.index)], p.probability);
    }
    if (predictions[i].rejected) cell += ")";
    if (!predictions[i].set.empty()) {
      cell += "; set:";
      for (const std::int32_t c : predictions[i].set) {
        cell += " " + model.classes[static_cast<std::size_t>(c)];
      }
    }
    rows.push_back({paths[i], cell});
  }
  print_table(rows);
}

void run_predict(const PredictVerb& verb, const Session& session) {
  Model loaded = open_model(verb.model);
  const Dataset images = open_images(verb.images);
  std::vector<ImageSource> sources;
  std::vector<std::string> paths;
  for (const Sample& sample : images.samples) {
    sources.push_back(sample.source);
    const bool member = !sample.source.member.empty();
    paths.push_back(member ? sample.source.file.string() + ":" + sample.source.member
                           : sample.source.file.string());
  }
  PredictorOptions options{.backend = verb.engine.backend,
                           .card = verb.card,
                           .threads = verb.engine.threads,
                           .batch = verb.engine.batch,
                           .top = verb.top,
                           .coverage = verb.coverage,
                           .reject = verb.reject};
  if (!verb.engine.precision.empty()) {
    options.precision = precision_from_string(verb.engine.precision);
  }
  options.extract.decode = verb.decode.resolve();
  verb.plan.apply(options.plan);
  const Predictor predictor(std::move(loaded), options);
  ConsoleProgress progress;
  std::atomic<std::size_t> done{0};
  const std::vector<Prediction> predictions =
      predictor.predict(sources, [&] { progress.update("predicting", ++done, sources.size()); });
  progress.finish();

  const Model& model = predictor.model();
  if (session.json || verb.jsonl) {
    nlohmann::json list = nlohmann::json::array();
    for (std::size_t i = 0; i < paths.size(); ++i) {
      list.push_back(prediction_json(paths[i], predictions[i], model));
      if (verb.jsonl) {
        print_line(list.back().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
      }
    }
    if (!verb.jsonl) print_json(list);
  } else if (verb.csv) {
    print_csv(paths, predictions, model);
  } else {
    print_for_people(paths, predictions, model);
  }
  std::size_t failed = 0;
  for (const Prediction& prediction : predictions) failed += prediction.error.empty() ? 0 : 1;
  if (static_cast<double>(failed) > verb.max_bad * static_cast<double>(predictions.size())) {
    throw Error(ErrorKind::bad_input,
                fmt::format("{} of {} images could not be read, over the limit of {:g} %", failed,
                            predictions.size(), verb.max_bad * 100),
                "their entries say why; --max-bad raises the limit");
  }
}

}  // namespace

void add_predict(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("predict", "Classify images");
  auto verb = std::make_shared<PredictVerb>();
  sub->add_option("model", verb->model, "Model folder, or an ONNX file by caft export")->required();
  sub->add_option("images", verb->images, "Files, folders or .tar files")->required();
  sub->add_option("--top", verb->top, "Classes shown an image")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  sub->add_option("--coverage", verb->coverage,
                  "Add sets of classes that hold the truth with this probability: 0.9")
      ->check(CLI::Range(0.01, 0.999));
  sub->add_option("--reject", verb->reject,
                  "Reject what is less familiar than this share of calibration images: 0.01")
      ->check(CLI::Range(0.0, 0.5));
  sub->add_option("--max-bad", verb->max_bad,
                  "Share of unreadable images above which the run fails")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  CLI::Option* csv = sub->add_flag("--csv", verb->csv, "Print CSV");
  sub->add_flag("--jsonl", verb->jsonl, "Print one JSON document a line")->excludes(csv);
  sub->add_option("--card", verb->card, "The backbone's card.json, if it was moved");
  verb->engine.add_to(*sub);
  verb->plan.add_to(*sub);
  verb->decode.add_to(*sub);
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_predict(*verb, session); }; });
}

}  // namespace caft::cli
