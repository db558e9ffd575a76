#include "lab_input.hpp"

#include "output.hpp"

namespace caft::cli {

void LabFlags::add_to(CLI::App& app) {
  app.add_option("data", data, "Class folders, .csv, .jsonl, .tar")->required();
  backbone.add_to(app);
  cache.add_to(app);
}

void LabFlags::add_hold_out_to(CLI::App& app) {
  app.add_option("--holdout", hold_out.fraction,
                 "Share of each class kept for caft eval, when the data has no splits")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  app.add_option("--split-seed", hold_out.seed, "Seed of that split")->capture_default_str();
}

LabInput LabFlags::open(ProgressSink& progress, bool hold_out_some) const {
  Dataset dataset = open_dataset(data);
  nlohmann::json split;
  if (hold_out_some) split = apply_hold_out(dataset, hold_out);
  Backbone opened = open_backbone(backbone.name, backbone.resolve());
  CachedDataset cached = cache_dataset(dataset, opened, cache.resolve(&progress));
  progress.finish();
  warn_of_bad_files(cached);
  return {std::move(dataset), std::move(split), std::move(opened), std::move(cached)};
}

}  // namespace caft::cli
