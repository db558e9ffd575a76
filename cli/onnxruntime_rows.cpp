#include "onnxruntime_rows.hpp"

#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "python_tool.hpp"

namespace caft::cli {
namespace {

std::string channels(const std::array<float, 3>& values) {
  return fmt::format("{},{},{}", values[0], values[1], values[2]);
}

}  // namespace

std::vector<float> onnxruntime_rows(const OnnxRuntimeRun& run, const std::string& instead) {
  std::vector<std::string> arguments = {"reference",
                                        "--onnx",
                                        run.onnx.string(),
                                        "--images",
                                        run.images.string(),
                                        "--out",
                                        run.out.string(),
                                        "--input",
                                        run.input,
                                        "--output",
                                        run.output,
                                        "--mean=" + channels(run.spec.mean),
                                        "--std=" + channels(run.spec.std),
                                        "--threads",
                                        std::to_string(run.threads)};
  if (run.uint8) arguments.emplace_back("--uint8");
  const nlohmann::json result = run_exporter(arguments);
  if (result.contains("missing")) {
    throw Error(ErrorKind::unavailable,
                python_interpreter() + " has no " + result["missing"].get<std::string>() +
                    ", which the engine is compared with",
                "pip install onnxruntime" + instead);
  }
  return SafeTensorsFile::open(run.out).read_f32("outputs");
}

}  // namespace caft::cli
