// caft train DATA --out MODEL
#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "caft/model/fit.hpp"
#include "options.hpp"
#include "output.hpp"
#include "save_model.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct TrainVerb {
  std::string data, out = "model", optimizer, schedule = "cosine", device = "auto";
  BackboneFlags backbone;
  CacheFlags cache;
  HoldOut hold_out;
  TrainConfig config;
};

Optimizer chosen_optimizer(const TrainVerb& verb) {
  if (verb.optimizer.empty()) {
    return verb.config.head == "linear" ? Optimizer::lbfgs : Optimizer::adamw;
  }
  return optimizer_of(verb.optimizer);
}

TrainDevice device_of(const std::string& name) {
  if (name == "cuda") return TrainDevice::cuda;
  return name == "cpu" ? TrainDevice::cpu : TrainDevice::automatic;
}

nlohmann::json summary_json(const FitResult& fit, const std::string& folder) {
  const Metrics& val = fit.validation;
  return {
      {"model", folder},
      {"head", fit.model.head.kind},
      {"epochs", fit.outcome.history.size()},
      {"seconds", fit.outcome.seconds},
      {"epoch_ms", fit.outcome.epoch_ms},
      {"temperature", fit.outcome.temperature},
      {"details", fit.outcome.details},
      {"train", {{"n", fit.train.n}, {"accuracy", fit.train.accuracy}, {"loss", fit.train.loss}}},
      {"val",
       {{"n", val.n}, {"accuracy", val.accuracy}, {"macro_f1", val.macro_f1}, {"ece", val.ece}}}};
}

void run_train(TrainVerb verb, const Session& session) {
  Dataset dataset = open_dataset(verb.data);
  const nlohmann::json split = apply_hold_out(dataset, verb.hold_out);
  const Backbone backbone = open_backbone(verb.backbone.name, verb.backbone.resolve());
  ConsoleProgress progress;
  const CachedDataset cached = cache_dataset(dataset, backbone, verb.cache.resolve(&progress));
  warn_of_bad_files(cached);

  verb.config.optimizer = chosen_optimizer(verb);
  verb.config.schedule = verb.schedule == "constant" ? Schedule::constant : Schedule::cosine;
  verb.config.device = device_of(verb.device);
  verb.config.threads = verb.backbone.engine.threads;
  if (verb.config.resume && verb.config.checkpoint.empty()) {
    throw Error(ErrorKind::usage, "--resume needs --checkpoint FILE, which it continues from");
  }
  FitResult fit = fit_model(dataset, cached, backbone, verb.config, &progress);
  save_model(fit, verb.config, {dataset, verb.data, split, backbone, cached}, verb.out);

  const nlohmann::json json = summary_json(fit, verb.out);
  if (session.json) return print_json(json);
  print_line(fmt::format(
      "trained a {} head on {} images in {:.2f} s ({} computed, {} from the cache)",
      fit.model.head.kind, fit.train.n, fit.outcome.seconds, cached.computed, cached.reused));
  print_line(fmt::format("validation ({} images): accuracy {:.4f}, macro F1 {:.4f}, ECE {:.4f}",
                         fit.validation.n, fit.validation.accuracy, fit.validation.macro_f1,
                         fit.validation.ece));
  print_line(fmt::format("model: {}    report: {}/report.html", verb.out, verb.out));
  print_line(fmt::format("score it on held-out images: caft eval {} {}", verb.out, verb.data));
}

}  // namespace

void add_train(CLI::App& app, Session& session) {
  CLI::App* sub =
      app.add_subcommand("train", "Train a head on cached features (caches them first)");
  auto verb = std::make_shared<TrainVerb>();
  TrainConfig& config = verb->config;
  sub->add_option("data", verb->data, "Class folders, .csv, .jsonl, .tar")->required();
  sub->add_option("-o,--out", verb->out, "Model folder")->capture_default_str();
  sub->add_option("--head", config.head, "Head")
      ->check(CLI::IsMember({"linear", "mlp", "vgg"}))
      ->capture_default_str();
  sub->add_option("--optimizer", verb->optimizer, "Default: lbfgs for linear, else adamw")
      ->check(CLI::IsMember({"lbfgs", "adamw", "sgd"}));
  sub->add_option("--device", verb->device,
                  "Where the head trains; auto: on a GPU, where there is one, for adamw and sgd")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  sub->add_option("--schedule", verb->schedule, "Learning-rate schedule")
      ->check(CLI::IsMember({"cosine", "constant"}))
      ->capture_default_str();
  sub->add_option("--epochs", config.epochs, "Epochs (adamw, sgd)")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  sub->add_option("--batch-size", config.batch, "Mini-batch of the head's optimiser")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  sub->add_option("--lr", config.learning_rate, "Learning rate")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  sub->add_option("--momentum", config.momentum, "Momentum (sgd)")
      ->check(CLI::Range(0.0, 0.9999))
      ->capture_default_str();
  sub->add_option("--weight-decay", config.weight_decay, "Weight decay (adamw, sgd)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  sub->add_option("--l2", config.l2, "L2 strengths to choose from (lbfgs; default: a path)");
  sub->add_option("--folds", config.folds, "Cross-validation folds (lbfgs)")
      ->check(CLI::Range(2, 100))
      ->capture_default_str();
  sub->add_flag("--balanced", config.balanced, "Weigh classes by the inverse of their frequency");
  sub->add_option("--label-smoothing", config.label_smoothing, "Label smoothing")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  sub->add_option("--hidden", config.hidden, "Hidden units (mlp)")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  sub->add_option("--dropout", config.dropout, "Dropout (mlp, vgg)")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  sub->add_option("--patience", config.patience,
                  "Epochs without progress before stopping; 0: never")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  sub->add_option("--seed", config.seed, "Seed of shuffles, initial weights and dropout")
      ->capture_default_str();
  sub->add_option("--checkpoint", config.checkpoint, "File written after each epoch");
  sub->add_flag("--resume", config.resume, "Continue from --checkpoint where it exists");
  sub->add_option("--holdout", verb->hold_out.fraction,
                  "Share of each class kept for caft eval, when the data has no splits")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  sub->add_option("--split-seed", verb->hold_out.seed, "Seed of that split")->capture_default_str();
  verb->backbone.add_to(*sub);
  verb->cache.add_to(*sub);
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_train(*verb, session); }; });
}

}  // namespace caft::cli
