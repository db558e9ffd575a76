#include "engine/tensorrt/plan_store.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/hash.hpp"
#include "caft/core/version.hpp"
#include "caft/zoo/card.hpp"
#include "core/log.hpp"
#include "engine/tensorrt/versions.hpp"

namespace caft::tensorrt {
namespace {

constexpr int manifest_format = 1;

nlohmann::json profiles_json(const std::vector<BatchRange>& profiles) {
  nlohmann::json json = nlohmann::json::array();
  for (const BatchRange& range : profiles) json.push_back({range.min, range.opt, range.max});
  return json;
}

/// What decides the plan. The graph's hash covers the ONNX file, its external data, the image size,
/// the normalisation and FP16.
nlohmann::json key_of(const BuildPlan& plan, const Gpu& gpu) {
  const PlanOptions& options = plan.config.plan;
  nlohmann::json plugins = nlohmann::json::array();
  for (const std::filesystem::path& library : options.plugins) {
    plugins.push_back(sha256_file(library));
  }
  return {{"format", manifest_format},
          {"graph_sha256", sha256(std::as_bytes(std::span(plan.onnx)))},
          {"precision", to_string(plan.config.precision)},
          {"strongly_typed", plan.typing == Typing::strong},
          {"profiles", profiles_json(plan.profiles)},
          {"tf32", plan.config.precision == Precision::fp32 && options.tf32},
          {"workspace_mib", options.workspace_mib},
          {"tactic_shared_memory_kib", options.tactic_shared_memory_kib},
          {"optimization_level", options.optimization_level},
          {"version_compatible", options.version_compatible},
          {"hardware_compatible", options.hardware_compatible},
          {"strip_weights", options.strip_weights},
          {"dla_core", options.dla_core},
          {"calibration", plan.calibrated ? options.calibration->id : ""},
          {"plugins", plugins},
          {"tensorrt", library_version()},
          {"gpu", gpu.name},
          {"compute_capability", fmt::format("{}.{}", gpu.major, gpu.minor)}};
}

std::string now_utc() {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

}  // namespace

std::filesystem::path store_folder(const std::filesystem::path& store) {
  std::filesystem::path folder = store.empty() ? caft_home() / "engines" : store;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    throw Error(ErrorKind::io,
                "cannot make the folder of engines " + folder.string() + ": " + failed.message());
  }
  return folder;
}

StoredPlan::StoredPlan(const BuildPlan& plan, const Gpu& gpu) : key_(key_of(plan, gpu)), gpu_(gpu) {
  const BatchRange& range = plan.config.batch;
  const std::string key = key_.dump();
  file_ = store_folder(plan.config.plan.store) /
          fmt::format("{}-{}-b{}-{}-{}-trt{}-{}-{}.plan", plan.config.onnx.stem().string(),
                      to_string(plan.config.precision), range.min, range.opt, range.max,
                      library_version(), gpu.file_name(),
                      sha256(std::as_bytes(std::span(key))).substr(0, 8));
}

std::filesystem::path StoredPlan::lock_file() const { return file_.string() + ".lock"; }

std::string StoredPlan::problem() const {
  if (!std::filesystem::exists(file_)) return "there is none yet";
  const nlohmann::json manifest = read_manifest(file_);
  if (manifest.is_null()) return "its manifest is missing or damaged";
  if (manifest.value("key", nlohmann::json()) != key_) return "its manifest is another plan's";
  if (manifest.value("plan_sha256", "") != sha256_file(file_)) return "its bytes have changed";
  return {};
}

void StoredPlan::write(std::span<const std::byte> plan, double build_seconds) const {
  const nlohmann::json manifest = {
      {"key", key_},           {"plan_sha256", sha256(plan)},    {"plan_bytes", plan.size()},
      {"gpu_uuid", gpu_.uuid}, {"build_seconds", build_seconds}, {"built", now_utc()},
      {"caft", version()}};
  write_file_atomically(file_, plan);
  write_file_atomically(manifest_of(file_), manifest.dump(2) + "\n");
}

std::filesystem::path manifest_of(const std::filesystem::path& plan) {
  std::filesystem::path file = plan;
  return file.replace_extension(".json");
}

nlohmann::json read_manifest(const std::filesystem::path& plan) {
  try {
    nlohmann::json manifest = nlohmann::json::parse(read_text(manifest_of(plan)), nullptr, false);
    return manifest.is_object() ? manifest : nlohmann::json();
  } catch (const Error&) {
    return {};
  }
}

void record_golden(const std::filesystem::path& plan, double cosine) {
  nlohmann::json manifest = read_manifest(plan);
  if (manifest.is_null() || manifest.value("golden_cosine", -2.0) == cosine) return;
  manifest["golden_cosine"] = cosine;
  try {
    write_file_atomically(manifest_of(plan), manifest.dump(2) + "\n");
  } catch (const Error& error) {
    log_warn("the golden check was not recorded: {}", error.what());  // a read-only store
  }
}

}  // namespace caft::tensorrt
