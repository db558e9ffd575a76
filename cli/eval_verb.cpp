// caft eval MODEL DATA
#include <fmt/format.h>

#include "caft/lab/statistics.hpp"
#include "caft/model/evaluate.hpp"
#include "caft/model/predictor.hpp"
#include "caft/report/report_data.hpp"
#include "options.hpp"
#include "output.hpp"
#include "scored_data.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct EvalVerb {
  std::string model, data, split, card;
  EngineOptions engine;
  CacheFlags cache;
};

void run_eval(EvalVerb verb, const Session& session) {
  const Model model = Model::load(verb.model);
  PredictorOptions open{.backend = verb.engine.backend,
                        .card = verb.card,
                        .threads = verb.engine.threads,
                        .batch = verb.engine.batch};
  if (!verb.engine.precision.empty()) open.precision = precision_from_string(verb.engine.precision);
  const Backbone backbone = open_model_backbone(model, open);

  const ScoredData data = load_scored_data(model, backbone, verb.data, verb.split, verb.cache,
                                           verb.engine.precision.empty());
  const Evaluation evaluation = evaluate_model(model, data.dataset, data.cached, data.samples);

  nlohmann::json json = metrics_json(evaluation.metrics, model.classes);
  json["accuracy_ci95"] = {evaluation.accuracy_low, evaluation.accuracy_high};
  json["ece_before_temperature"] = evaluation.ece_uncalibrated;
  json["failed"] = data.cached.bad.size();
  if (!model.multi_label) {
    json["error_auroc"] = lab::area_under_roc(evaluation.energy_right, evaluation.energy_wrong);
    json["sets"] = nlohmann::json::array();
    for (const Evaluation::Coverage& c : evaluation.coverage) {
      json["sets"].push_back(
          {{"coverage", c.asked}, {"covered", c.got}, {"mean_size", c.mean_size}});
    }
  }
  json["model"] = verb.model;

  nlohmann::json report = load_report(verb.model);
  report["title"] = data.dataset.name;
  report["evaluation"] = evaluation_section(evaluation, data.dataset, model.classes, verb.split);
  save_report(verb.model, report);

  if (session.json) return print_json(json);
  const Metrics& m = evaluation.metrics;
  print_line(
      fmt::format("{} images: accuracy {:.4f} (95 % interval {:.4f} to {:.4f}), top-5 {:.4f}, "
                  "macro F1 {:.4f}, ECE {:.4f}",
                  m.n, m.accuracy, evaluation.accuracy_low, evaluation.accuracy_high, m.top5,
                  m.macro_f1, m.ece));
  std::vector<std::vector<std::string>> rows{{"class", "precision", "recall", "F1", "images"}};
  for (std::size_t c = 0; c < m.per_class.size(); ++c) {
    const ClassMetrics& k = m.per_class[c];
    rows.push_back({model.classes[c], fmt::format("{:.4f}", k.precision),
                    fmt::format("{:.4f}", k.recall), fmt::format("{:.4f}", k.f1),
                    std::to_string(k.support)});
  }
  print_table(rows);
  for (const Evaluation::Coverage& c : evaluation.coverage) {
    print_line(
        fmt::format("sets asked to hold the truth in {:.0f} %: {:.1f} %, {:.2f} classes each",
                    100 * c.asked, 100 * c.got, c.mean_size));
  }
  print_line(fmt::format("report: {}/report.html", verb.model));
}

}  // namespace

void add_eval(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("eval", "Score a model on held-out images");
  auto verb = std::make_shared<EvalVerb>();
  sub->add_option("model", verb->model, "Model folder")->required();
  sub->add_option("data", verb->data, "Class folders, .csv, .jsonl, .tar")->required();
  sub->add_option("--split", verb->split, "test, val, train or all (default: what was held out)")
      ->check(CLI::IsMember({"test", "val", "train", "all"}));
  sub->add_option("--card", verb->card, "The backbone's card.json, if it was moved");
  verb->engine.add_to(*sub);
  verb->cache.add_to(*sub);
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_eval(*verb, session); }; });
}

}  // namespace caft::cli
