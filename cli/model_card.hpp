// The model card: what an exported model is, learned from, reaches and does not do.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "caft/model/evaluate.hpp"
#include "caft/model/model.hpp"
#include "caft/zoo/card.hpp"

namespace caft::cli {

struct ModelCardInput {
  const Model& model;
  const BackboneCard& card;
  const Evaluation& evaluation;
  std::string file, sha256;  ///< of the ONNX file
  std::string input;         ///< what it takes, for a reader
  std::string precision;     ///< of the graph
  nlohmann::json replays;    ///< one document a runtime
};

/// After "Model Cards for Model Reporting" (Mitchell et al. 2019): model details, data, metrics,
/// limits.
nlohmann::json model_card(const ModelCardInput& input);

/// The same for people.
std::string model_card_markdown(const nlohmann::json& card);

}  // namespace caft::cli
