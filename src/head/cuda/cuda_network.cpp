// Mini-batch training on an NVIDIA GPU.
//
// Memory on the GPU: 2 bytes for each value of the standardised rows of both parts (with the column
// of ones and padding: dim + 1 rounded up to an odd multiple of 16), targets, parameters with the
// optimiser's state (12 bytes each; 18 and the gradient where cuBLAS multiplies), a batch's
// buffers, 32 MB for cuBLAS and two pieces of raw rows. It is added up and compared with what is
// free before any of it is taken.
//
// Where the rows do not fit, they are streamed: the host gathers each chunk's rows, in the epoch's
// order, into pinned memory, and copies them while the GPU trains on the chunk before. The order of
// samples, and so the result, is the resident run's to the bit. (Chunks of a fixed content in a
// shuffled order would spare the host the gathering, but train worse: batches would not be random.)
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

#include "caft/core/error.hpp"
#include "core/log.hpp"
#include "head/cuda/device_head.hpp"
#include "head/cuda/options.hpp"
#include "head/cuda/row_loader.hpp"
#include "head/fused/minibatch_network.hpp"
#include "head/fused/random.hpp"

namespace caft::cuda {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 20;  // of raw rows on their way
constexpr std::size_t kReserve = std::size_t{384} << 20;    // for cuBLAS, graphs and the driver
constexpr std::size_t kScoreRows = 4096;
constexpr std::size_t kGraphSteps = 2048;  // in one graph; longer epochs replay it
constexpr float kDeltaScale = 256;         // gradients by logits lie in +-(largest class weight)

HeadOptions options;

double megabytes(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

class CudaNetwork final : public fused::MinibatchNetwork {
 public:
  CudaNetwork(const TrainingData& data, const TrainConfig& config)
      : data_(data),
        config_(config),
        shape_(fused::shape_of(data, config)),
        samples_(data.train.begin(), data.train.end()),
        team_(config.threads),
        features_(data, team_),
        loss_(data, config.balanced, config.label_smoothing),
        layers_(fused::make_layers(features_.dim(), shape_, config.seed)) {
    samples_.insert(samples_.end(), data.val.begin(), data.val.end());
    check(cudaGetDevice(&device_), "GPU");
    check(cudaGetDeviceProperties(&properties_, device_), "GPU");
    stream_ = make_stream();
    take_memory();
    upload_targets();
    head_->prepare();
    loader_->prepare();
    // What was set and copied up to here is on the default stream, which ours does not wait for.
    check(cudaDeviceSynchronize(), "GPU memory");
    warm_up();
    if (resident_) loader_->load(samples_, row_store_, stream_.get());
    head_->upload(layers_);
  }

  ~CudaNetwork() override { cudaStreamSynchronize(stream_.get()); }

  Sums train_epoch(int epoch, double rate) override {
    const std::vector<std::uint32_t> order = take_order(epoch);
    const std::uint64_t steps = fused::steps_of(data_, shape_);
    std::uint64_t step = steps * static_cast<std::uint64_t>(epoch - 1);
    Sums sums;
    for (std::size_t chunk = 0; chunk < chunks_; ++chunk) {
      const auto rows = std::span(order).subspan(
          chunk * chunk_rows_, std::min(chunk_rows_, order.size() - chunk * chunk_rows_));
      sums.weight += send_control(rows, rate, step);
      step += (rows.size() + shape_.batch - 1) / shape_.batch;
      if (!resident_) load_rows(rows);
      check(cudaGraphLaunch(graph_of(rows.size()), stream_.get()), "the graph of an epoch");
      check(cudaMemcpyAsync(sums_host_.data() + chunk * kSumParts, sums_,
                            kSumParts * sizeof(double), cudaMemcpyDeviceToHost, stream_.get()),
            "reading losses");
    }
    if (epoch < config_.epochs) make_order(epoch + 1);  // while the GPU works
    check(cudaStreamSynchronize(stream_.get()), "training on the GPU");
    sums.loss = std::accumulate(sums_host_.data(), sums_host_.data() + chunks_ * kSumParts, 0.0);
    return sums;
  }

  fused::Score validate() override {
    const std::size_t count = data_.val.size();
    if (count == 0) return {};
    over_validation([&](std::size_t first, std::size_t rows, const float* logits) {
      LossTables tables = tables_;
      const std::size_t at = data_.train.size() + first;
      if (tables.labels != nullptr) tables.labels += at;
      if (tables.multi_hot != nullptr) tables.multi_hot += at * data_.classes;
      score(tables, logits, static_cast<std::uint32_t>(head_->logits_ld()), iota_,
            static_cast<std::uint32_t>(rows), score_ + first, score_ + count + first,
            stream_.get());
    });
    PinnedBuffer<double>& sums = score_host_;
    partial_sums(score_, count, sums_, stream_.get());
    read_sums(sums.data());
    partial_sums(score_ + count, count, sums_, stream_.get());
    read_sums(sums.data() + kSumParts);
    check(cudaStreamSynchronize(stream_.get()), "validating on the GPU");
    const auto n = static_cast<double>(count);
    const double* begin = sums.data();
    const double* middle = begin + kSumParts;
    return {std::accumulate(begin, middle, 0.0) / n,
            std::accumulate(middle, middle + kSumParts, 0.0) / n};
  }

  std::vector<float> validation_logits() override {
    std::vector<float> result(data_.val.size() * data_.classes);
    const std::size_t width = data_.classes * sizeof(float);
    over_validation([&](std::size_t first, std::size_t rows, const float* logits) {
      check(cudaStreamSynchronize(stream_.get()), "validating on the GPU");
      check(cudaMemcpy2D(result.data() + first * data_.classes, width, logits,
                         head_->logits_ld() * sizeof(float), width, rows, cudaMemcpyDeviceToHost),
            "reading logits");
    });
    return result;
  }

  std::vector<fused::TrainedLayer>& layers(bool moments) override {
    head_->download(layers_, moments);
    return layers_;
  }
  void changed() override { head_->upload(layers_); }
  Head head() override { return fused::head_of(layers(false), features_); }

  nlohmann::json details() const override {
    return {{"device", "cuda"},
            {"gpu", properties_.name},
            {"features", resident_ ? "resident" : "streamed"},
            {"step", head_->small_step() ? "fused" : "cublas"},
            {"gpu_memory", memory_},
            {"threads", team_.size()}};
  }

 private:
  // ------------------------------------------------------------ memory
  void take_memory() {
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "GPU memory");
    const std::size_t limit = options.memory > 0 ? options.memory : free - std::min(free, kReserve);
    std::size_t needed = 0;
    for (const bool resident : {true, false}) {
      plan(resident);
      Arena arena;
      place(arena);
      needed = arena.used();
      if (needed <= limit) break;
    }
    if (needed > limit) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("training this head needs {:.0f} MB of GPU memory even with its "
                              "features streamed, and {:.0f} MB of {} are free",
                              megabytes(needed), megabytes(limit), properties_.name),
                  "use a smaller batch, free the GPU, or train on the CPU (--device cpu)");
    }
    memory_ = needed;
    place(arena_);
    arena_.allocate();
    place(arena_);
    log_debug("head on {}: {:.1f} MB of GPU memory ({:.1f} MB free before), features {}",
              properties_.name, megabytes(needed), megabytes(free),
              resident_ ? "resident" : "streamed");
    for (auto& control : control_host_) control = PinnedBuffer<std::byte>(control_bytes());
    for (Event& event : control_sent_) event = make_event();
    sums_host_ = PinnedBuffer<double>(chunks_ * kSumParts);
    score_host_ = PinnedBuffer<double>(2 * kSumParts);
    std::vector<std::uint32_t> iota(iota_size());
    std::iota(iota.begin(), iota.end(), 0U);
    check(
        cudaMemcpy(iota_, iota.data(), iota.size() * sizeof(std::uint32_t), cudaMemcpyHostToDevice),
        "GPU memory");
  }

  /// Sizes of everything, for rows that stay on the device or not.
  void plan(bool resident) {
    resident_ = resident;
    const std::size_t row_bytes = data_.features.dim * size_of(data_.features.dtype);
    std::size_t piece = std::clamp<std::size_t>(kPieceBytes / row_bytes, 1, samples_.size());
    if (!resident && options.memory > 0) {  // a test's small budget: several chunks of small data
      piece = std::min(piece, std::max<std::size_t>(options.memory / 8 / row_bytes, 1));
    }
    std::size_t steps = kGraphSteps;
    if (!resident) steps = std::clamp<std::size_t>(piece / shape_.batch, 1, kGraphSteps);
    const std::size_t all = data_.train.size();
    chunk_rows_ = std::min(steps * shape_.batch, all);
    chunks_ = (all + chunk_rows_ - 1) / chunk_rows_;
    chunk_steps_ = (chunk_rows_ + shape_.batch - 1) / shape_.batch;
    score_rows_ = std::clamp<std::size_t>(data_.val.size(), 1, kScoreRows);
    if (!resident) score_rows_ = std::min(score_rows_, chunk_rows_);
    head_ = std::make_unique<DeviceHead>(features_.dim(), shape_, score_rows_, options.small_step,
                                         options.overlap && properties_.major >= 9, stream_.get());
    loader_ = std::make_unique<RowLoader>(data_, features_, team_, piece);
  }

  void place(Arena& arena) {
    const std::size_t rows = resident_ ? samples_.size() : chunk_rows_;
    row_store_ = arena.place<__half>(rows * features_.stride());
    labels_ = arena.place<std::int32_t>(loss_.multi_label() ? 0 : samples_.size());
    multi_hot_ =
        arena.place<std::uint8_t>(loss_.multi_label() ? samples_.size() * data_.classes : 0);
    weight_ = arena.place<float>(loss_.weights().size());
    negative_ = arena.place<float>(loss_.negative_weights().size());
    control_ = arena.place<std::byte>(control_bytes());
    iota_ = arena.place<std::uint32_t>(iota_size());
    row_loss_ = arena.place<double>(chunk_rows_);
    score_ = arena.place<double>(2 * data_.val.size());
    sums_ = arena.place<double>(kSumParts);
    head_->place(arena);
    loader_->place(arena);
  }

  [[nodiscard]] std::size_t control_bytes() const {
    return chunk_steps_ * sizeof(StepControl) + chunk_rows_ * sizeof(std::uint32_t);
  }
  [[nodiscard]] std::size_t iota_size() const {
    return resident_ ? score_rows_ : std::max(chunk_rows_, score_rows_);
  }

  void upload_targets() {
    const auto send = [](auto* to, const auto& from) {
      if (from.empty()) return;
      check(cudaMemcpy(to, from.data(), from.size() * sizeof(from[0]), cudaMemcpyHostToDevice),
            "copying targets");
    };
    float largest = 0;
    for (const float weight : loss_.weights()) largest = std::max(largest, weight);
    for (const float weight : loss_.negative_weights()) largest = std::max(largest, weight);
    tables_ = {.weight = weight_,
               .negative = negative_,
               .classes = static_cast<std::uint32_t>(data_.classes),
               .smoothing = loss_.smoothing(),
               .weight_sum = static_cast<float>(loss_.weight_sum()),
               .delta_scale = kDeltaScale / largest};
    send(weight_, loss_.weights());
    send(negative_, loss_.negative_weights());
    if (loss_.multi_label()) {
      std::vector<std::uint8_t> targets;
      targets.reserve(samples_.size() * data_.classes);
      for (const std::uint32_t sample : samples_) {
        const auto row = data_.multi_hot.subspan(sample * data_.classes, data_.classes);
        targets.insert(targets.end(), row.begin(), row.end());
      }
      send(multi_hot_, targets);
      tables_.multi_hot = multi_hot_;
    } else {
      std::vector<std::int32_t> targets;
      targets.reserve(samples_.size());
      for (const std::uint32_t sample : samples_) targets.push_back(data_.labels[sample]);
      send(labels_, targets);
      tables_.labels = labels_;
    }
  }

  // ------------------------------------------------------------ epochs
  [[nodiscard]] StepControl* device_control() const {
    return reinterpret_cast<StepControl*>(control_);
  }
  [[nodiscard]] std::uint32_t* device_samples() const {
    return reinterpret_cast<std::uint32_t*>(control_ + chunk_steps_ * sizeof(StepControl));
  }

  void enqueue(std::size_t rows) {
    const Chunk chunk{.features = row_store_,
                      .rows = resident_ ? device_samples() : iota_,
                      .samples = device_samples(),
                      .control = device_control(),
                      .row_loss = row_loss_};
    head_->enqueue(chunk, tables_, rows);
    partial_sums(row_loss_, rows, sums_, stream_.get());
  }

  /// Every kernel once, before any is captured: modules that load at first use load now. All
  /// buffers are zeros, and the parameters are uploaded after this.
  void warm_up() {
    const std::size_t rest = data_.train.size() % shape_.batch;
    enqueue(shape_.batch);
    if (rest > 0) enqueue(rest);
    (void)head_->logits(row_store_, iota_, 1);
    check(cudaStreamSynchronize(stream_.get()), "training on the GPU");
  }

  cudaGraphExec_t graph_of(std::size_t rows) {
    GraphExec& exec = graphs_[rows];
    if (exec) return exec.get();
    check(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal), "graph capture");
    cudaGraph_t captured = nullptr;
    try {
      enqueue(rows);
    } catch (...) {
      cudaStreamEndCapture(stream_.get(), &captured);
      const Graph discarded(captured);
      throw;
    }
    check(cudaStreamEndCapture(stream_.get(), &captured), "graph capture");
    const Graph graph(captured);
    cudaGraphExec_t made = nullptr;
    check(cudaGraphInstantiate(&made, graph.get(), 0), "the graph of an epoch");
    exec.reset(made);
    return made;
  }

  void make_order(int epoch) {
    order_.resize(data_.train.size());
    std::iota(order_.begin(), order_.end(), 0U);
    fused::shuffle(order_, config_.seed, static_cast<std::uint64_t>(epoch));
    order_epoch_ = epoch;
  }

  /// Positions in data.train, in the order of the epoch.
  std::vector<std::uint32_t> take_order(int epoch) {
    if (order_epoch_ != epoch) make_order(epoch);
    order_epoch_ = 0;
    return std::move(order_);
  }

  /// Sends what the steps over `rows` need beside features; steps are counted from `before` + 1.
  /// Returns the sum of what losses are divided by.
  double send_control(std::span<const std::uint32_t> rows, double rate, std::uint64_t before) {
    const std::size_t i = next_control_;
    next_control_ = 1 - next_control_;
    check(cudaEventSynchronize(control_sent_[i].get()), "training on the GPU");
    std::byte* host = control_host_[i].data();
    auto* steps = reinterpret_cast<StepControl*>(host);
    double sum = 0;
    for (std::size_t first = 0; first < rows.size(); first += shape_.batch) {
      const auto batch = rows.subspan(first, std::min(shape_.batch, rows.size() - first));
      double weight = static_cast<double>(batch.size());
      if (config_.balanced && !loss_.multi_label()) {
        weight = 0;
        for (const std::uint32_t row : batch) weight += loss_.weight(samples_[row]);
      }
      const double terms = loss_.terms(weight);
      sum += terms;
      const std::uint64_t step = ++before;
      const double scale = terms > 0 ? 1 / (terms * tables_.delta_scale) : 0;
      *steps++ = {.update = fused::update_of(config_, rate, step),
                  .gradient_scale = static_cast<float>(scale),
                  .dropout_key = fused::dropout_key_of(config_.seed, step)};
    }
    std::ranges::copy(rows,
                      reinterpret_cast<std::uint32_t*>(host + chunk_steps_ * sizeof(StepControl)));
    const std::size_t bytes =
        chunk_steps_ * sizeof(StepControl) + rows.size() * sizeof(std::uint32_t);
    check(cudaMemcpyAsync(control_, host, bytes, cudaMemcpyHostToDevice, stream_.get()),
          "sending the order of samples");
    check(cudaEventRecord(control_sent_[i].get(), stream_.get()), "training on the GPU");
    return sum;
  }

  /// Puts the rows of some positions into row_store_, one after the other.
  void load_rows(std::span<const std::uint32_t> positions) {
    std::vector<std::uint32_t> samples(positions.size());
    std::ranges::transform(positions, samples.begin(),
                           [&](std::uint32_t position) { return samples_[position]; });
    loader_->load(samples, row_store_, stream_.get());
  }

  // ------------------------------------------------------------ validation
  /// Calls use(first, rows, logits) for batches of the validation part.
  template <typename Use>
  void over_validation(const Use& use) {
    const std::size_t count = data_.val.size();
    for (std::size_t first = 0; first < count; first += score_rows_) {
      const std::size_t rows = std::min(score_rows_, count - first);
      const std::size_t at = data_.train.size() + first;
      const __half* features = row_store_;
      if (resident_) {
        features += at * features_.stride();
      } else {
        loader_->load(std::span(samples_).subspan(at, rows), row_store_, stream_.get());
      }
      use(first, rows, head_->logits(features, iota_, rows));
    }
  }

  void read_sums(double* to) {
    check(cudaMemcpyAsync(to, sums_, kSumParts * sizeof(double), cudaMemcpyDeviceToHost,
                          stream_.get()),
          "reading losses");
  }

  const TrainingData& data_;
  const TrainConfig& config_;
  fused::NetworkShape shape_;
  std::vector<std::uint32_t> samples_;  ///< training part, then validation: rows on the device
  fused::ThreadTeam team_;
  fused::StandardizedFeatures features_;
  fused::Loss loss_;
  std::vector<fused::TrainedLayer> layers_;
  int device_ = 0;
  cudaDeviceProp properties_{};
  Stream stream_;
  Arena arena_;
  std::size_t memory_ = 0;
  bool resident_ = true;
  std::size_t chunk_rows_ = 0, chunks_ = 0, chunk_steps_ = 0, score_rows_ = 0;
  std::unique_ptr<DeviceHead> head_;
  std::unique_ptr<RowLoader> loader_;
  // In device memory.
  __half* row_store_ = nullptr;
  std::int32_t* labels_ = nullptr;
  std::uint8_t* multi_hot_ = nullptr;
  float *weight_ = nullptr, *negative_ = nullptr;
  std::byte* control_ = nullptr;  ///< StepControl [chunk_steps_], then samples [chunk_rows_]
  std::uint32_t* iota_ = nullptr;
  double *row_loss_ = nullptr, *score_ = nullptr, *sums_ = nullptr;
  LossTables tables_;

  std::array<PinnedBuffer<std::byte>, 2> control_host_;
  std::array<Event, 2> control_sent_;
  std::size_t next_control_ = 0;
  PinnedBuffer<double> sums_host_, score_host_;
  std::map<std::size_t, GraphExec> graphs_;  ///< by the rows of the chunk
  std::vector<std::uint32_t> order_;
  int order_epoch_ = 0;
};

}  // namespace
}  // namespace caft::cuda

extern "C" caft::cuda::HeadOptions* caft_cuda_head_options() { return &caft::cuda::options; }

extern "C" caft::fused::MinibatchNetwork* caft_cuda_make_network(const caft::TrainingData& data,
                                                                 const caft::TrainConfig& config) {
  return std::make_unique<caft::cuda::CudaNetwork>(data, config).release();
}
