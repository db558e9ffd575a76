// A trained model and its report, written to a folder.
#pragma once

#include <string>

#include "caft/model/fit.hpp"
#include "caft/report/report_data.hpp"

namespace caft::cli {

/// What a model was trained on, for its folder and report.
struct TrainedOn {
  const Dataset& dataset;
  const std::string& path;
  const nlohmann::json& split;  ///< as apply_hold_out told it
  const Backbone& backbone;
  const CachedDataset& cached;
};

/// Completes `fit.model` with where its data came from and how it was trained, and saves it with
/// its report; `extra` keys are added to the report.
void save_model(FitResult& fit, const TrainConfig& config, const TrainedOn& on,
                const std::string& folder, const nlohmann::json& extra = nlohmann::json::object());

}  // namespace caft::cli
