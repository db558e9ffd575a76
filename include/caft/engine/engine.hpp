// The contract between caft and an inference engine. No vendor's type appears here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "caft/core/dtype.hpp"

namespace caft {

enum class Precision : std::uint8_t { automatic, fp32, fp16, bf16, int8 };
std::string_view to_string(
    Precision precision) noexcept;                       ///< "auto", "fp32", "fp16", "bf16", "int8"
Precision precision_from_string(std::string_view name);  ///< throws Error(usage) on other text

enum class DeviceKind : std::uint8_t { cpu, cuda };
struct Device {
  DeviceKind kind = DeviceKind::cpu;
  int index = 0;
  bool operator==(const Device&) const = default;
};

/// A named, typed, strided view of memory that someone else owns.
struct TensorView {
  std::string name;
  void* data = nullptr;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in elements; empty: packed, row-major
  Device device;
  void* stream = nullptr;  ///< on cuda: the stream (cudaStream_t) that the work is ordered on
};

/// What an engine says of one of its inputs or outputs. -1 stands for the dynamic batch.
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
};

/// Normalisation inside the engine: with it, input `images` is u8 NHWC RGB and the engine computes
/// (x / 255 - mean) / std itself. Without it, the input is the ONNX file's own (f32 NCHW).
struct InputNormalization {
  std::array<float, 3> mean;
  std::array<float, 3> std;
};

struct BatchRange {
  int min = 1, opt = 16, max = 64;
};

class ProgressSink;
class PlanEngine;

/// Images to calibrate INT8 with (TensorRT 10's entropy calibrator, for a float ONNX file).
struct Calibration {
  /// Fills `pixels`, u8 [batch, height, width, 3] as the engine takes them, and returns true; false
  /// when there are no more whole batches.
  std::function<bool(std::span<std::uint8_t> pixels)> next;
  int batch = 32;
  /// What the images are, for the plan's key and the calibration cache's name: a hash of them.
  std::string id;
};

/// What only engines that are compiled ahead of time for one device (TensorRT) look at.
struct PlanOptions {
  bool tf32 = true;                       ///< fp32: allow TensorFloat-32 in matrix products
  std::vector<BatchRange> more_profiles;  ///< optimisation profiles beside `EngineConfig::batch`
  std::size_t workspace_mib = 0;          ///< scratch memory a kernel may use; 0: all of the GPU's
  std::size_t tactic_shared_memory_kib = 0;  ///< shared memory a kernel may use; 0: all
  int optimization_level = 3;                ///< 0 (fast build) to 5 (fast engine)
  bool version_compatible = false;   ///< the plan also runs on later versions of the same major
  bool hardware_compatible = false;  ///< the plan also runs on other GPUs, Ampere and later
  bool strip_weights = false;        ///< the plan holds no weights: they come from the ONNX file
  int dla_core = -1;                 ///< run on this DLA core, what it cannot run on the GPU
  std::vector<std::filesystem::path> plugins;  ///< shared libraries with custom operators
  std::optional<Calibration> calibration;      ///< int8 from a float ONNX file
  std::filesystem::path store;                 ///< where plans are kept; empty: CAFT_HOME/engines
  bool rebuild = false;                        ///< build even where the store has a plan that fits
  /// A plan from elsewhere (trtexec's, say) to run as it is. A plan can hold code: name only one
  /// whose maker is trusted. Nothing is built and the store is not looked at.
  std::filesystem::path trusted_plan;
  ProgressSink* progress = nullptr;  ///< hears of the build's phases
  std::function<bool()> cancelled;   ///< asked between steps of a build: true stops it
};

struct EngineConfig {
  std::filesystem::path onnx;
  Precision precision = Precision::automatic;
  BatchRange batch;
  std::optional<InputNormalization> normalization;
  std::optional<std::array<int, 2>> image_size;  ///< height, width; absent: the ONNX file's own
  int threads = 0;       ///< CPU threads in all; 0: every core this process may use
  bool latency = false;  ///< tune for one request at a time instead of throughput
  int device_index = 0;  ///< which GPU; ignored on the CPU
  PlanOptions plan;
};

/// One stream of work on an engine. Not thread-safe: each thread takes its own.
class Context {
 public:
  virtual ~Context() = default;
  /// Runs one batch, min ≤ N ≤ max, and returns when the outputs are written; where all views lie
  /// on a GPU and name a stream, when the work is ordered on that stream. Inputs and outputs are
  /// found by name; shapes and types must fit `Engine::inputs()` / `outputs()`. Views lie on the
  /// engine's device or in host memory. Throws Error(usage) on a view that does not fit, naming it.
  virtual void infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs) = 0;
};

/// A compiled network. Thread-safe; it must outlive its contexts.
class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual const std::vector<TensorInfo>& inputs() const = 0;
  [[nodiscard]] virtual const std::vector<TensorInfo>& outputs() const = 0;
  [[nodiscard]] virtual BatchRange batch() const = 0;
  /// What really runs, never `automatic`.
  [[nodiscard]] virtual Precision precision() const = 0;
  [[nodiscard]] virtual Device device() const = 0;
  /// How many contexts keep the device busy.
  [[nodiscard]] virtual int preferred_contexts() const = 0;
  /// Backend, its library's version and the device, for a cache's record: "openvino 2026.4.1, CPU
  /// …".
  [[nodiscard]] virtual std::string description() const = 0;
  [[nodiscard]] virtual std::unique_ptr<Context> create_context() = 0;
  /// What an engine compiled ahead of time can tell besides; nullptr for others.
  [[nodiscard]] virtual PlanEngine* plan() { return nullptr; }
};

/// Whether a backend can run here and, if not, why and what to install.
struct Availability {
  bool available = false;
  std::string detail;  ///< version and device, or the reason
  std::string remedy;  ///< a command or an action; empty when available
};

/// A maker of engines: one a vendor. Stateless and thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Availability availability() const = 0;
  /// Compiles an ONNX file. Throws Error: unavailable, not_found, bad_input (naming the operator or
  /// tensor), or usage (a precision that this backend or file does not offer).
  [[nodiscard]] virtual std::unique_ptr<Engine> build(const EngineConfig& config) const = 0;
};

/// The backends' names in the order of preference: fastest first, "reference" last.
std::vector<std::string> backend_names();

/// Finds a backend by name and opens its library on first use. Throws Error(not_found) on an
/// unknown name and Error(unavailable), with the remedy, where its library cannot be opened.
const Backend& backend(std::string_view name);

/// The first backend that is available here, "reference" excepted.
const Backend& default_backend();

}  // namespace caft
