#include "caft/model/model.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/version.hpp"

namespace caft {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "caft-model-1";
constexpr const char* kModelFile = "model.json";
constexpr const char* kHeadFile = "head.safetensors";

/// Puts `fresh` in the place of `folder`. With an old folder the two change places in one step, so
/// that there is a whole model under the name at every moment.
void publish_folder(const fs::path& fresh, const fs::path& folder) {
  if (fs::exists(folder)) {
    if (::syscall(SYS_renameat2, AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(),
                  2U /* RENAME_EXCHANGE */) != 0) {
      throw Error(ErrorKind::io, "cannot replace " + folder.string() + ": " + std::strerror(errno));
    }
    fs::remove_all(fresh);
  } else {
    fs::rename(fresh, folder);
  }
  fsync_folder(folder.parent_path());
}

}  // namespace

void Model::save(const fs::path& target) const {
  fs::path folder = fs::absolute(target).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "model/" means "model"
  if (fs::exists(folder) && !fs::exists(folder / kModelFile) &&
      !(fs::is_directory(folder) && fs::is_empty(folder))) {
    throw Error(ErrorKind::usage, folder.string() + " exists and is not a model folder",
                "choose another with --out");
  }
  const nlohmann::json json = {{"format", kFormat},
                               {"caft_version", version()},
                               {"classes", classes},
                               {"multi_label", multi_label},
                               {"preprocessing", to_json(preprocessing)},
                               {"backbone",
                                {{"name", backbone.name},
                                 {"card", backbone.card.string()},
                                 {"onnx_sha256", backbone.onnx_sha256},
                                 {"precision", to_string(backbone.precision)},
                                 {"backend", backbone.backend}}},
                               {"feature_dtype", to_string(feature_dtype)},
                               {"head", {{"file", kHeadFile}, {"kind", head.kind}}},
                               {"temperature", temperature},
                               {"calibration", calibration.to_json()},
                               {"data", data},
                               {"training", training},
                               {"metrics", metrics}};
  fs::create_directories(folder.parent_path());
  const fs::path fresh = folder.string() + ".tmp-" + std::to_string(::getpid());
  fs::remove_all(fresh);
  fs::create_directory(fresh);
  try {
    head.save(fresh / kHeadFile);
    write_file_atomically(fresh / kModelFile, json.dump(2) + "\n");
    publish_folder(fresh, folder);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(fresh, ignored);
    throw;
  }
}

Model Model::load(const fs::path& folder) {
  const fs::path file = folder / kModelFile;
  if (!fs::exists(file)) {
    throw Error(ErrorKind::not_found,
                folder.string() + " is not a model folder: it has no model.json",
                "make one with caft train");
  }
  Model model;
  try {
    const nlohmann::json json = nlohmann::json::parse(read_text(file));
    if (json.at("format") != kFormat) {
      throw Error(ErrorKind::mismatch, file.string() + " has format " + json.at("format").dump(),
                  "this caft reads " + std::string(kFormat));
    }
    model.classes = json.at("classes").get<std::vector<std::string>>();
    model.multi_label = json.at("multi_label").get<bool>();
    model.preprocessing = preprocessing_from_json(json.at("preprocessing"));
    const nlohmann::json& backbone = json.at("backbone");
    model.backbone = {
        .name = backbone.at("name").get<std::string>(),
        .card = backbone.at("card").get<std::string>(),
        .onnx_sha256 = backbone.at("onnx_sha256").get<std::string>(),
        .precision = precision_from_string(backbone.at("precision").get<std::string>()),
        .backend = backbone.at("backend").get<std::string>()};
    model.feature_dtype = dtype_from_string(json.at("feature_dtype").get<std::string>());
    model.temperature = json.at("temperature").get<double>();
    if (json.contains("calibration")) {
      model.calibration = ConformalScores::from_json(json.at("calibration"));
    }
    model.data = json.at("data");
    model.training = json.at("training");
    model.metrics = json.at("metrics");
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::bad_input, file.string() + ": " + error.what());
  }
  model.head = Head::load(folder / kHeadFile);
  if (model.classes.empty() || model.head.classes() != model.classes.size() ||
      !(model.temperature > 0) || !std::isfinite(model.temperature)) {
    throw Error(ErrorKind::bad_input, file.string() + " does not fit its head.safetensors",
                "train the model again");
  }
  return model;
}

}  // namespace caft
