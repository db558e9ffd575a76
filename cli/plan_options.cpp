#include "plan_options.hpp"

#include <charconv>
#include <filesystem>
#include <string_view>

#include "caft/core/error.hpp"

namespace caft::cli {

BatchRange parse_profile(const std::string& text) {
  std::vector<int> sizes;
  std::string_view rest(text);
  while (true) {
    int size = 0;
    const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    if (failed != std::errc{} || size < 1) break;
    sizes.push_back(size);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (rest.empty() || rest.front() != ':') break;
    rest.remove_prefix(1);
  }
  if (rest.empty() && sizes.size() == 1) return {1, sizes[0], sizes[0]};
  if (rest.empty() && sizes.size() == 3 && sizes[0] <= sizes[1] && sizes[1] <= sizes[2]) {
    return {sizes[0], sizes[1], sizes[2]};
  }
  throw Error(ErrorKind::usage, "'" + text + "' is no batch profile",
              "give MIN:OPT:MAX, such as 1:32:256, or the largest batch alone");
}

void ForeignPlanFlags::add_to(CLI::App& app) {
  app.add_option("--engine", engine, "Run this TensorRT plan as it is (needs --trust-plan)");
  app.add_flag("--trust-plan", trust,
               "A plan can hold code: say that you trust the maker of the one given");
}

void ForeignPlanFlags::apply(PlanOptions& options) const {
  if (engine.empty()) {
    if (trust) throw Error(ErrorKind::usage, "--trust-plan goes with --engine FILE");
    return;
  }
  if (!trust) {
    throw Error(ErrorKind::usage,
                engine + " was not built by this installation, and a plan can hold code",
                "add --trust-plan if you trust its maker");
  }
  if (!std::filesystem::is_regular_file(engine)) {
    throw Error(ErrorKind::not_found, "there is no plan " + engine);
  }
  options.trusted_plan = engine;
}

void PlanFlags::add_to(CLI::App& app) {
  app.add_option("--profile", profiles,
                 "Another optimisation profile, MIN:OPT:MAX (may be repeated)");
  app.add_option("--plugins", plugins, "Shared libraries with custom operators");
  app.add_flag("--no-tf32", no_tf32, "fp32: keep all 24 bits of the mantissa in matrix products");
  app.add_option("--workspace", workspace_mib, "Scratch memory a kernel may use, MiB (0: all)");
  app.add_option("--tactic-shared-memory", tactic_shared_memory_kib,
                 "Shared memory a kernel may use, KiB (0: all)");
  app.add_option("--optimization-level", optimization_level, "0 builds fastest, 5 searches longest")
      ->check(CLI::Range(0, 5))
      ->capture_default_str();
  app.add_flag("--version-compatible", version_compatible,
               "The plan also runs on later TensorRT versions of the same major");
  app.add_flag("--hardware-compatible", hardware_compatible,
               "The plan also runs on other GPUs, Ampere and later (slower)");
  app.add_flag("--strip-weights", strip_weights,
               "Keep no weights in the plan: they are read from the ONNX file at load");
  app.add_option("--dla-core", dla_core, "Run on this DLA core, the rest on the GPU")
      ->check(CLI::Range(0, 15));
  app.add_option("--calibration", calibration,
                 "int8 of a float ONNX file: images to find its ranges with (TensorRT 10)");
  app.add_option("--calib-batch", calibration_batch, "Images a calibration batch")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--calib-images", calibration_images, "Most images used for calibration")
      ->capture_default_str();
  app.add_flag("--rebuild", rebuild, "Build even when a plan that fits is there");
}

void PlanFlags::apply(BackboneOptions& backbone) const {
  PlanOptions& options = backbone.plan;
  for (const std::string& profile : profiles) {
    options.more_profiles.push_back(parse_profile(profile));
  }
  options.plugins.assign(plugins.begin(), plugins.end());
  options.tf32 = !no_tf32;
  options.workspace_mib = workspace_mib;
  options.tactic_shared_memory_kib = tactic_shared_memory_kib;
  options.optimization_level = optimization_level;
  options.version_compatible = version_compatible;
  options.hardware_compatible = hardware_compatible;
  options.strip_weights = strip_weights;
  options.dla_core = dla_core;
  options.rebuild = rebuild;
  if (calibration.empty()) return;
  for (const Sample& sample : open_images(calibration).samples) {
    if (backbone.calibration.size() == calibration_images) break;
    backbone.calibration.push_back(sample.source);
  }
  backbone.calibration_batch = calibration_batch;
}

}  // namespace caft::cli
