// Plans on disk, each with a manifest that says what it is and for which machine.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "engine/tensorrt/build.hpp"
#include "engine/tensorrt/gpu.hpp"

namespace caft::tensorrt {

/// The store's folder, made when it is not there. `store` empty: CAFT_HOME/engines.
std::filesystem::path store_folder(const std::filesystem::path& store);

/// A plan's place in the store: STORE/NAME-PRECISION-bMIN-OPT-MAX-trtVERSION-GPU-smCC-KEY.plan and
/// the manifest NAME….json beside it. Everything that decides what is built is in the key, so that
/// a change of backbone, options, TensorRT or GPU leads to another file.
class StoredPlan {
 public:
  StoredPlan(const BuildPlan& plan, const Gpu& gpu);

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] std::filesystem::path lock_file() const;
  /// Why the store's plan cannot be used, empty when it can: it is not there, its manifest is
  /// another key's, its bytes are not those that were written.
  [[nodiscard]] std::string problem() const;
  /// Publishes a plan, then its manifest. Throws Error(io).
  void write(std::span<const std::byte> plan, double build_seconds) const;

 private:
  std::filesystem::path file_;
  nlohmann::json key_;
  Gpu gpu_;
};

/// PLAN.json beside PLAN.plan.
std::filesystem::path manifest_of(const std::filesystem::path& plan);
/// The manifest of a plan; null when it has none that can be read.
nlohmann::json read_manifest(const std::filesystem::path& plan);
/// Adds `golden_cosine` to a plan's manifest, when it has one.
void record_golden(const std::filesystem::path& plan, double cosine);

}  // namespace caft::tensorrt
