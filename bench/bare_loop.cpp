// The least that runs a TensorRT plan: load it, enqueue in a loop, time with events. What caft's
// engine is compared with.
//
// usage: bare_loop PLAN BATCH SECONDS       prints {"images_per_second": …}
#include <NvInfer.h>
#include <cuda_runtime_api.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

namespace {

class Quiet final : public nvinfer1::ILogger {
  void log(Severity severity, const char* message) noexcept override {
    if (severity <= Severity::kERROR) std::fprintf(stderr, "%s\n", message);
  }
};

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "error: %s\n", what);
  std::exit(1);
}

std::size_t bytes_of(nvinfer1::DataType type) {
  switch (type) {
    case nvinfer1::DataType::kFLOAT:
      return 4;
    case nvinfer1::DataType::kHALF:
      return 2;
    default:
      return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  require(argc == 4, "usage: bare_loop PLAN BATCH SECONDS");
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<char> plan((std::istreambuf_iterator<char>(file)), {});
  const int batch = std::atoi(argv[2]);
  const double seconds = std::atof(argv[3]);
  Quiet logger;
  const std::unique_ptr<nvinfer1::IRuntime> runtime(nvinfer1::createInferRuntime(logger));
  const std::unique_ptr<nvinfer1::ICudaEngine> engine(
      runtime->deserializeCudaEngine(plan.data(), plan.size()));
  require(engine != nullptr, "the plan does not load");
  const std::unique_ptr<nvinfer1::IExecutionContext> context(engine->createExecutionContext());
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  for (int i = 0; i < engine->getNbIOTensors(); ++i) {
    const char* name = engine->getIOTensorName(i);
    if (engine->getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT) {
      nvinfer1::Dims dims = engine->getTensorShape(name);
      dims.d[0] = batch;
      require(context->setInputShape(name, dims), "the batch does not fit");
    }
  }
  for (int i = 0; i < engine->getNbIOTensors(); ++i) {
    const char* name = engine->getIOTensorName(i);
    const nvinfer1::Dims dims = context->getTensorShape(name);
    std::size_t bytes = bytes_of(engine->getTensorDataType(name));
    for (int d = 0; d < dims.nbDims; ++d) bytes *= static_cast<std::size_t>(dims.d[d]);
    void* memory = nullptr;
    require(cudaMalloc(&memory, bytes) == cudaSuccess, "out of GPU memory");
    std::vector<unsigned char> noise(bytes);
    for (unsigned char& value : noise) value = static_cast<unsigned char>(std::rand() >> 8);
    cudaMemcpy(memory, noise.data(), bytes, cudaMemcpyHostToDevice);
    context->setTensorAddress(name, memory);
  }
  const auto run = [&](int times) {
    for (int i = 0; i < times; ++i) require(context->enqueueV3(stream), "enqueue failed");
    require(cudaStreamSynchronize(stream) == cudaSuccess, "the GPU failed");
  };
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  for (const auto start = Clock::now(); since(start) < seconds / 5;) run(10);
  long images = 0;
  const auto start = Clock::now();
  while (since(start) < seconds) {
    run(10);
    images += 10L * batch;
  }
  std::printf("{\"images_per_second\": %.1f}\n", static_cast<double>(images) / since(start));
  return 0;
}
