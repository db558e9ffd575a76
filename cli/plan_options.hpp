// Options for engines that are compiled ahead of time (TensorRT).
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "caft/extract/backbone.hpp"

namespace caft::cli {

/// --engine, --trust-plan: a plan from elsewhere.
struct ForeignPlanFlags {
  std::string engine;
  bool trust = false;
  void add_to(CLI::App& app);
  /// Throws Error(usage) on a plan that the user has not said to trust.
  void apply(PlanOptions& options) const;
};

/// Everything that decides what is built.
struct PlanFlags {
  std::vector<std::string> profiles, plugins;
  bool no_tf32 = false, version_compatible = false, hardware_compatible = false;
  bool strip_weights = false, rebuild = false;
  std::size_t workspace_mib = 0, tactic_shared_memory_kib = 0;
  int optimization_level = 3, dla_core = -1;
  std::vector<std::filesystem::path> calibration;
  int calibration_batch = 32;
  std::size_t calibration_images = 512;
  void add_to(CLI::App& app);
  /// Throws Error(usage) on a profile that is not MIN:OPT:MAX, and what opening the calibration
  /// images throws.
  void apply(BackboneOptions& options) const;
};

/// "MIN:OPT:MAX" or "N". Throws Error(usage).
BatchRange parse_profile(const std::string& text);

}  // namespace caft::cli
