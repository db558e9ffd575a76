// A linear or MLP head in training: parameters, optimiser state, one step, evaluation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "head/fused/features.hpp"
#include "head/fused/loss.hpp"
#include "head/fused/thread_team.hpp"

namespace caft::fused {

/// One layer's parameters: weights [outputs, stride] with the bias in column `inputs`, and the
/// optimiser's state in the same shape.
struct TrainedLayer {
  std::size_t inputs = 0, outputs = 0, stride = 0;
  Buffer weight;
  Buffer first;   ///< AdamW: mean of gradients; SGD: velocity
  Buffer second;  ///< AdamW: mean of squared gradients; SGD: unused
};

struct NetworkShape {
  std::size_t classes = 0;
  std::size_t hidden = 0;  ///< 0: linear
  std::size_t batch = 64;  ///< rows of the largest batch
  double dropout = 0;

  /// A hidden unit is dropped where its 32 random bits lie below this; 0: never.
  [[nodiscard]] std::uint32_t drop_threshold() const;
  /// What a unit that is kept is multiplied by.
  [[nodiscard]] float keep_scale() const;
};

/// The layers before the first step: a linear head at zero, an mlp as PyTorch's nn.Linear.
std::vector<TrainedLayer> make_layers(std::size_t dim, const NetworkShape& shape,
                                      std::uint64_t seed);

/// The head over raw features.
Head head_of(const std::vector<TrainedLayer>& layers, const StandardizedFeatures& features);

/// The optimiser and its constants at one step.
struct Update {
  bool adamw = true;
  AdamWStep adamw_step;
  SgdStep sgd_step;
};

/// The head and its buffers. Threads share out a batch's rows on the way forward and the parameters
/// on the way back, each keeping to its own parameters from step to step, so that they stay in its
/// core's cache; a gradient never leaves it. Borrows features, loss and team.
class Network {
 public:
  Network(const StandardizedFeatures& features, const Loss& loss, const NetworkShape& shape,
          std::uint64_t seed, ThreadTeam& team);

  /// This thread's part of one step on `batch`; to be called by all threads of the team at once,
  /// inside team.run. `dropout_key` differs from step to step. Thread 0 gets the batch's sum of
  /// losses and sum of weights added to `total`; the others' is left alone.
  struct Sums {
    double loss = 0, weight = 0;
  };
  void step(std::span<const std::uint32_t> batch, const Update& update, std::uint64_t dropout_key,
            int thread, Sums& total);

  /// Logits [samples, classes], without dropout. Called outside team.run.
  [[nodiscard]] std::vector<float> logits(std::span<const std::uint32_t> samples) const;

  [[nodiscard]] std::vector<TrainedLayer>& layers() { return layers_; }
  [[nodiscard]] const std::vector<TrainedLayer>& layers() const { return layers_; }

 private:
  /// A rectangle of one layer's parameters: rows [row, row + rows), columns [column, column +
  /// width).
  struct Tile {
    std::size_t layer, row, rows, column, width;
  };
  void plan_tiles();
  void forward_backward(std::span<const std::uint32_t> batch, float scale,
                        std::uint64_t dropout_key, std::size_t first, std::size_t last);
  void update_tile(const Tile& tile, std::size_t batch, const Update& update, float* gradient);

  const StandardizedFeatures* features_;
  const Loss* loss_;
  ThreadTeam* team_;
  const Kernels* kernels_;
  NetworkShape shape_;
  std::uint32_t drop_threshold_ = 0;
  float keep_scale_ = 1;
  std::vector<TrainedLayer> layers_;
  std::vector<Buffer> inputs_;  ///< of each layer: [batch, stride]
  std::vector<Buffer> deltas_;  ///< loss's gradient by each layer's outputs: [batch, delta_stride]
  std::vector<std::size_t> delta_stride_;
  std::vector<double> row_loss_;          ///< [batch]
  std::vector<std::vector<Tile>> tiles_;  ///< of each thread
  std::vector<Buffer> gradients_;         ///< of each thread: one tile
};

}  // namespace caft::fused
