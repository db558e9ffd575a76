// caft sweep DATA --out MODEL
#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "caft/lab/sweep.hpp"
#include "caft/zoo/card.hpp"
#include "lab_input.hpp"
#include "model/gather.hpp"
#include "output.hpp"
#include "save_model.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct SweepVerb {
  LabFlags input;
  std::vector<std::string> optimizers{"lbfgs"}, class_weights{"none"};
  std::string out, journal, schedule = "cosine";
  lab::SweepGrid grid;
  bool everything = false;
  std::size_t l2_count = 20, show = 10;
};

void fill_grid(SweepVerb& verb) {
  lab::SweepGrid& grid = verb.grid;
  grid.optimizers.clear();
  for (const std::string& name : verb.optimizers) grid.optimizers.push_back(optimizer_of(name));
  grid.balanced.clear();
  for (const std::string& name : verb.class_weights) grid.balanced.push_back(name == "balanced");
  if (grid.l2.empty()) grid.l2 = lab::path(verb.l2_count);
  grid.shared.schedule = verb.schedule == "constant" ? Schedule::constant : Schedule::cosine;
  grid.shared.threads = verb.input.backbone.engine.threads;
}

std::string describe(const TrainConfig& config) {
  std::string text =
      config.optimizer == Optimizer::lbfgs
          ? fmt::format("lbfgs, l2 {:.3g}", config.l2.front())
          : fmt::format("{}, lr {:g}, weight decay {:g}", to_string(config.optimizer),
                        config.learning_rate, config.weight_decay);
  if (config.label_smoothing > 0) text += fmt::format(", smoothing {:g}", config.label_smoothing);
  if (config.balanced) text += ", balanced";
  return text;
}

void print_heads(const lab::SweepResult& result, std::size_t show) {
  std::vector<std::vector<std::string>> rows{{"head", "mean", "std", "95 % interval", "loss"}};
  for (const lab::SweepHead& head : result.heads) {
    if (rows.size() > show) break;
    if (head.diverged()) {
      rows.push_back({describe(head.config), "diverged", "", "", ""});
      continue;
    }
    const lab::Spread& s = head.spread;
    rows.push_back({describe(head.config), fmt::format("{:.4f}", s.mean),
                    fmt::format("{:.4f}", s.std), fmt::format("{:.4f} to {:.4f}", s.low, s.high),
                    fmt::format("{:.4f}", head.loss)});
  }
  print_table(rows);
}

/// Where scores are kept while a sweep runs, so that the same command continues one that was
/// killed.
std::filesystem::path journal_of(const SweepVerb& verb, const TrainingData& data) {
  if (!verb.journal.empty()) return verb.journal;
  return caft_home() / "sweeps" / (lab::sweep_id(data, verb.grid) + ".jsonl");
}

/// Trains the best head on all of the training samples, and saves it.
nlohmann::json refit(const SweepVerb& verb, const lab::SweepHead& best, const LabInput& input,
                     const nlohmann::json& table, ProgressSink& progress) {
  FitResult fit = fit_model(input.dataset, input.cached, input.backbone, best.config, &progress);
  save_model(fit, best.config,
             {input.dataset, verb.input.data, input.split, input.backbone, input.cached}, verb.out,
             {{"sweep", table}});
  return {{"model", verb.out}, {"seconds", fit.outcome.seconds}};
}

void run_sweep(SweepVerb verb, const Session& session) {
  fill_grid(verb);
  ConsoleProgress progress;
  const LabInput input = verb.input.open(progress, !verb.everything);
  const Gathered gathered =
      gather(input.dataset, input.cached,
             verb.everything ? GatherPart::everything : GatherPart::learnable);
  const TrainingData data = gathered.training_data();
  const std::filesystem::path journal = journal_of(verb, data);
  const lab::SweepResult result = lab::sweep(data, verb.grid, &progress, journal);
  progress.finish();
  const lab::SweepHead& best = result.heads.front();
  if (best.diverged()) {
    throw Error(ErrorKind::bad_input, "every head of the sweep diverged",
                "lower the learning rates (--lr)");
  }
  nlohmann::json json = {{"heads", result.trained},
                         {"combinations", result.heads.size()},
                         {"folds", result.folds},
                         {"repeats", result.repeats},
                         {"samples", gathered.train.size()},
                         {"resumed", result.resumed},
                         {"seconds", result.seconds},
                         {"best", to_json(best)}};
  for (const lab::SweepHead& head : result.heads) json["table"].push_back(to_json(head));
  if (!verb.out.empty()) json["refit"] = refit(verb, best, input, json, progress);
  if (verb.journal.empty()) std::filesystem::remove(journal);
  if (session.json) return print_json(json);
  print_heads(result, verb.show);
  print_line(fmt::format(
      "{} heads ({} combinations, {} folds, {} repeat{}) over {} images in {:.2f} s{}",
      result.trained, result.heads.size(), result.folds, result.repeats,
      result.repeats == 1 ? "" : "s", gathered.train.size(), result.seconds,
      result.resumed > 0 ? fmt::format(", {} of them from an earlier run", result.resumed) : ""));
  print_line(fmt::format("best: {}: accuracy {:.4f} +- {:.4f} (95 % interval {:.4f} to {:.4f})",
                         describe(best.config), best.spread.mean, best.spread.std, best.spread.low,
                         best.spread.high));
  if (!verb.out.empty()) {
    print_line(fmt::format("model: {}    report: {}/report.html", verb.out, verb.out));
  }
}

}  // namespace

void add_sweep(CLI::App& app, Session& session) {
  CLI::App* sub =
      app.add_subcommand("sweep", "Cross-validate hundreds of linear heads at once; keep the best");
  auto verb = std::make_shared<SweepVerb>();
  lab::SweepGrid& grid = verb->grid;
  verb->input.add_to(*sub);
  verb->input.add_hold_out_to(*sub);
  sub->add_option("-o,--out", verb->out, "Train the best head on all training images, save it");
  sub->add_flag("--everything", verb->everything, "Use all images, held-out and test ones too")
      ->excludes("--out");
  sub->add_option("--optimizer", verb->optimizers, "Optimisers: lbfgs, adamw, sgd")
      ->delimiter(',')
      ->check(CLI::IsMember({"lbfgs", "adamw", "sgd"}))
      ->capture_default_str();
  CLI::Option* l2 =
      sub->add_option("--l2", grid.l2, "L2 strengths (lbfgs; default: a path)")->delimiter(',');
  sub->add_option("--l2-count", verb->l2_count, "Values on that path, from 10 to 1e-4")
      ->check(CLI::Range(1, 1000))
      ->excludes(l2)
      ->capture_default_str();
  sub->add_option("--lr", grid.learning_rates, "Learning rates (adamw, sgd)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->add_option("--weight-decay", grid.weight_decays, "Weight decays (adamw, sgd)")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  sub->add_option("--label-smoothing", grid.label_smoothings, "Label smoothings")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  sub->add_option("--class-weights", verb->class_weights, "none, balanced")
      ->delimiter(',')
      ->check(CLI::IsMember({"none", "balanced"}))
      ->capture_default_str();
  sub->add_option("--folds", grid.folds, "Folds of the cross-validation")
      ->check(CLI::Range(2, 100))
      ->capture_default_str();
  sub->add_option("--repeats", grid.repeats, "Cross-validations, each with a seed of its own")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--seed", grid.shared.seed, "First seed")->capture_default_str();
  sub->add_option("--epochs", grid.shared.epochs, "Epochs (adamw, sgd)")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sub->add_option("--batch-size", grid.shared.batch, "Mini-batch (adamw, sgd)")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  sub->add_option("--schedule", verb->schedule, "Learning-rate schedule")
      ->check(CLI::IsMember({"cosine", "constant"}))
      ->capture_default_str();
  sub->add_option("--momentum", grid.shared.momentum, "Momentum (sgd)")
      ->check(CLI::Range(0.0, 0.9999))
      ->capture_default_str();
  sub->add_option("--patience", grid.shared.patience,
                  "Epochs without progress before a head stops; 0: never")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  sub->add_option("--show", verb->show, "Lines of the table")->capture_default_str();
  sub->add_option("--journal", verb->journal,
                  "File that scores are kept in (default: in CAFT_HOME, until the sweep is done)");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_sweep(*verb, session); }; });
}

}  // namespace caft::cli
