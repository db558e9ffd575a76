#include "save_model.hpp"

#include "output.hpp"

namespace caft::cli {
namespace {

nlohmann::json training_json(const TrainConfig& config, const TrainOutcome& outcome) {
  nlohmann::json history = nlohmann::json::array();
  for (const EpochRecord& record : outcome.history) {
    history.push_back({{"epoch", record.epoch},
                       {"train_loss", record.train_loss},
                       {"val_loss", record.val_loss},
                       {"val_accuracy", record.val_accuracy},
                       {"learning_rate", record.learning_rate}});
  }
  return {{"head", config.head},
          {"optimizer", to_string(config.optimizer)},
          {"seed", config.seed},
          {"epochs", outcome.history.size()},
          {"seconds", outcome.seconds},
          {"epoch_ms", outcome.epoch_ms},
          {"temperature", outcome.temperature},
          {"balanced", config.balanced},
          {"label_smoothing", config.label_smoothing},
          {"details", outcome.details},
          {"history", history}};
}

}  // namespace

void save_model(FitResult& fit, const TrainConfig& config, const TrainedOn& on,
                const std::string& folder, const nlohmann::json& extra) {
  fit.model.data["path"] = std::filesystem::absolute(on.path).lexically_normal().string();
  fit.model.data["split"] = on.split;
  fit.model.data["cache"] = std::filesystem::absolute(on.cached.cache.folder()).string();
  fit.model.training = training_json(config, fit.outcome);
  fit.model.save(folder);

  nlohmann::json report = {{"title", on.dataset.name}};
  report["dataset"] = dataset_section(on.dataset, on.path, on.cached.bad);
  report["backbone"] = backbone_section(on.backbone);
  report["cache"] = cache_json(on.cached, on.backbone);
  report["training"] = fit.model.training;
  report["validation"] = metrics_section(fit.validation, on.dataset.classes);
  report["validation"]["split"] =
      on.dataset.of_split(Split::val).empty() ? "inside the training part" : "val";
  report.update(extra);
  save_report(folder, report);
}

}  // namespace caft::cli
