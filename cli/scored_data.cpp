#include "scored_data.hpp"

#include <filesystem>
#include <numeric>

#include "caft/model/evaluate.hpp"
#include "output.hpp"

namespace caft::cli {

ScoredData load_scored_data(const Model& model, const Backbone& backbone, const std::string& path,
                            const std::string& split, const CacheFlags& flags, bool own_precision) {
  Dataset dataset = open_dataset(path);
  const std::vector<std::size_t> chosen = samples_to_score(model, dataset, path, split);
  Dataset scored = dataset;
  scored.samples.clear();
  for (const std::size_t i : chosen) scored.samples.push_back(dataset.samples[i]);
  std::vector<std::size_t> all(chosen.size());
  std::iota(all.begin(), all.end(), std::size_t{0});

  ConsoleProgress progress;
  CacheOptions options = flags.resolve(&progress);
  options.dtype = model.feature_dtype;
  const std::string used = model.data.value("cache", "");
  if (options.folder.empty() && !used.empty() && std::filesystem::exists(used) && own_precision)
    options.folder = used;
  CachedDataset cached = cache_dataset(scored, backbone, options);
  warn_of_bad_files(cached);
  return {.dataset = std::move(scored), .cached = std::move(cached), .samples = std::move(all)};
}

}  // namespace caft::cli
