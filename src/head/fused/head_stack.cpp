#include "head/fused/head_stack.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "head/fused/logistic.hpp"
#include "head/fused/random.hpp"

namespace caft::fused {
namespace {

// As in Network: a tile's gradient stays in the L1 and L2 caches.
constexpr std::size_t kTileRows = 96, kTileColumns = 4 * kLine;

class HeadStack {
 public:
  HeadStack(const StandardizedFeatures& features, const TrainingData& data,
            const std::vector<StackedHead>& heads)
      : features_(&features),
        data_(&data),
        heads_(&heads),
        classes_(data.classes),
        stride_(features.stride()),
        batch_(static_cast<std::size_t>(heads.front().config.batch)),
        team_(1),
        weight_(heads.size() * classes_ * stride_),
        first_(heads.size() * classes_ * stride_),
        second_(heads.size() * classes_ * stride_),
        input_(batch_ * stride_),
        delta_(batch_ * output_stride(heads.size() * classes_)),
        gradient_(kTileRows * kTileColumns),
        active_(heads.size()),
        updates_(heads.size()),
        loss_(heads.size()) {
    std::iota(active_.begin(), active_.end(), std::size_t{0});
  }

  /// Numbers of the heads still in training; place p of the matrix is head active()[p]'s.
  [[nodiscard]] const std::vector<std::size_t>& active() const { return active_; }
  [[nodiscard]] std::size_t size() const { return classes_ * stride_; }
  [[nodiscard]] const float* weight(std::size_t place) const {
    return weight_.data() + place * size();
  }
  /// Whether the last epoch's losses of the head at `place` were finite.
  [[nodiscard]] bool finite(std::size_t place) const { return std::isfinite(loss_[place]); }

  void train_epoch(std::span<const std::uint32_t> order, int epoch, std::uint64_t steps_before) {
    std::fill(loss_.begin(), loss_.end(), 0.0);
    std::uint64_t step = steps_before;
    for (std::size_t at = 0; at < order.size(); at += batch_) {
      ++step;
      for (std::size_t p = 0; p < active_.size(); ++p) {
        const TrainConfig& config = (*heads_)[active_[p]].config;
        updates_[p] = update_of(config, rate_of(config, epoch), step);
      }
      forward(order.subspan(at, std::min(batch_, order.size() - at)));
      backward(std::min(batch_, order.size() - at));
    }
  }

  /// Scores of every active head on `samples`.
  [[nodiscard]] std::vector<Score> scores(std::span<const std::uint32_t> samples) {
    const std::size_t columns = active_.size() * classes_;
    const std::vector<float> all =
        predict(*features_, {weight_.data(), columns * stride_}, columns, samples, team_);
    std::vector<Score> result;
    std::vector<float> own(samples.size() * classes_);
    for (std::size_t p = 0; p < active_.size(); ++p) {
      for (std::size_t i = 0; i < samples.size(); ++i) {
        std::copy_n(all.data() + i * columns + p * classes_, classes_, own.data() + i * classes_);
      }
      result.push_back(score(*data_, samples, own));
    }
    return result;
  }

  /// Takes the head at `place` out; the last one takes its place.
  void drop(std::size_t place) {
    const std::size_t last = active_.size() - 1;
    for (Buffer* buffer : {&weight_, &first_, &second_}) {
      std::copy_n(buffer->data() + last * size(), size(), buffer->data() + place * size());
    }
    active_[place] = active_[last];
    loss_[place] = loss_[last];
    active_.pop_back();
  }

 private:
  /// Logits of a batch by all heads, replaced by their losses' gradients.
  void forward(std::span<const std::uint32_t> batch) {
    const std::size_t columns = active_.size() * classes_, ld = output_stride(columns);
    for (std::size_t r = 0; r < batch.size(); ++r) {
      features_->load(batch[r], input_.data() + r * stride_);
    }
    kernels_->dot(batch.size(), columns, stride_, input_.data(), stride_, weight_.data(), stride_,
                  nullptr, delta_.data(), ld);
    for (std::size_t p = 0; p < active_.size(); ++p) {
      const Loss& loss = *(*heads_)[active_[p]].loss;
      double weight = 0;
      for (const std::uint32_t sample : batch) weight += loss.weight(sample);
      const double terms = loss.terms(weight);
      const float scale = terms > 0 ? static_cast<float>(1 / terms) : 0.0F;
      for (std::size_t r = 0; r < batch.size(); ++r) {
        loss_[p] += loss.backward(batch[r], delta_.data() + r * ld + p * classes_, scale);
      }
    }
  }

  /// Gradients, tile by tile, each used at once and never stored.
  void backward(std::size_t rows) {
    const std::size_t columns = active_.size() * classes_, ld = output_stride(columns);
    for (std::size_t row = 0; row < columns; row += kTileRows) {
      const std::size_t height = std::min(kTileRows, columns - row);
      for (std::size_t column = 0; column < stride_; column += kTileColumns) {
        const std::size_t width = std::min(kTileColumns, stride_ - column);
        kernels_->outer(height, width, rows, delta_.data() + row, ld, 1, input_.data() + column,
                        stride_, gradient_.data(), kTileColumns, false);
        for (std::size_t r = 0; r < height; ++r) {
          apply(updates_[(row + r) / classes_], gradient_.data() + r * kTileColumns,
                (row + r) * stride_ + column, width);
        }
      }
    }
  }

  void apply(const Update& update, const float* gradient, std::size_t at, std::size_t width) {
    if (update.adamw) {
      kernels_->adamw(weight_.data() + at, gradient, first_.data() + at, second_.data() + at, width,
                      update.adamw_step);
    } else {
      kernels_->sgd(weight_.data() + at, gradient, first_.data() + at, width, update.sgd_step);
    }
  }

  const StandardizedFeatures* features_;
  const TrainingData* data_;
  const std::vector<StackedHead>* heads_;
  const Kernels* kernels_ = &kernels();
  std::size_t classes_, stride_, batch_;
  ThreadTeam team_;
  Buffer weight_, first_, second_;  ///< [heads * classes, stride]
  Buffer input_;                    ///< [batch, stride]
  Buffer delta_;                    ///< [batch, output_stride(heads * classes)]
  Buffer gradient_;
  std::vector<std::size_t> active_;
  std::vector<Update> updates_;
  std::vector<double> loss_;
};

}  // namespace

std::size_t heads_in_cache(std::size_t stride, std::size_t classes) {
  constexpr std::size_t kBytes = std::size_t{4} << 20;
  return std::max<std::size_t>(1, kBytes / (3 * sizeof(float) * stride * classes));
}

std::vector<StackedOutcome> train_stack(const StandardizedFeatures& features,
                                        const TrainingData& data,
                                        std::span<const std::uint32_t> train,
                                        std::span<const std::uint32_t> stop,
                                        const std::vector<StackedHead>& heads) {
  std::vector<StackedOutcome> outcomes(heads.size());
  if (heads.empty()) return outcomes;
  const TrainConfig& shared = heads.front().config;
  const bool patient = shared.patience > 0 && !stop.empty();
  HeadStack stack(features, data, heads);
  std::vector<double> best(heads.size(), std::numeric_limits<double>::infinity());
  std::vector<std::uint32_t> order(train.size());
  const auto batch = static_cast<std::size_t>(shared.batch);
  const std::uint64_t steps = (train.size() + batch - 1) / batch;
  for (int epoch = 1; epoch <= shared.epochs && !stack.active().empty(); ++epoch) {
    std::ranges::copy(train, order.begin());
    shuffle(order, shared.seed, static_cast<std::uint64_t>(epoch));
    stack.train_epoch(order, epoch, steps * static_cast<std::uint64_t>(epoch - 1));
    const std::vector<Score> scores = patient ? stack.scores(stop) : std::vector<Score>();
    for (std::size_t p = stack.active().size(); p-- > 0;) {  // from the back: drop() fills from it
      StackedOutcome& outcome = outcomes[stack.active()[p]];
      double& least = best[stack.active()[p]];
      if (!stack.finite(p)) {
        outcome = {};
        stack.drop(p);
        continue;
      }
      const bool better = patient ? scores[p].loss < least : epoch == shared.epochs;
      if (better) {
        least = patient ? scores[p].loss : 0;
        outcome = {{stack.weight(p), stack.weight(p) + stack.size()}, epoch};
      } else if (patient && epoch - outcome.epochs >= shared.patience) {
        stack.drop(p);
      }
    }
  }
  return outcomes;
}

}  // namespace caft::fused
