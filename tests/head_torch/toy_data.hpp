// Toy training sets whose rows are shuffled and stored as f32 or f16.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "caft/core/dtype.hpp"
#include "caft/head/trainer.hpp"

namespace caft::testing {

/// Rings and blobs: class c of the first features is a Gaussian around its own centre, features are
/// offset and scaled unevenly so that standardisation matters. The last 20 % are `val`. Samples are
/// spread over the rows in a scrambled order, and two rows belong to no sample.
struct ToyData {
  std::vector<float> rows32;
  std::vector<std::uint16_t> rows16;
  std::vector<std::uint32_t> row_of, train, val;
  std::vector<std::int32_t> labels;
  std::vector<std::uint8_t> multi_hot;
  std::size_t dim, classes;
  DType dtype;

  ToyData(std::size_t samples, std::size_t dim_, std::size_t classes_, DType dtype_ = DType::f32,
          float noise = 0.3F)
      : dim(dim_), classes(classes_), dtype(dtype_) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    std::vector<float> centres(classes * dim);
    for (float& value : centres) value = normal(random);
    rows32.resize((samples + 2) * dim);
    for (float& value : rows32) value = normal(random);
    for (std::size_t i = 0; i < samples; ++i) {
      const auto label = static_cast<std::int32_t>(i % classes);
      const auto row = static_cast<std::uint32_t>((i * 7 + 3) % samples + 1);
      labels.push_back(label);
      row_of.push_back(row);
      for (std::size_t d = 0; d < dim; ++d) {
        float& value = rows32[row * dim + d];
        value = centres[static_cast<std::size_t>(label) * dim + d] + noise * value;
        value = value * (d % 3 == 0 ? 0.01F : 2.0F) + (d % 2 == 0 ? 5.0F : 0.0F);
      }
      (i < samples * 4 / 5 ? train : val).push_back(static_cast<std::uint32_t>(i));
    }
    rows16.resize(rows32.size());
    float_to_half(rows32.data(), rows16.data(), rows32.size());
  }

  /// Labels as independent bits: bit b of the class's number plus one.
  void make_multi_label() {
    std::size_t bits = 1;
    while ((std::size_t{1} << bits) <= classes) ++bits;
    for (const std::int32_t label : labels) {
      for (std::size_t b = 0; b < bits; ++b) {
        multi_hot.push_back(static_cast<std::uint8_t>((label + 1) >> b & 1));
      }
    }
    classes = bits;
  }

  [[nodiscard]] TrainingData view() const {
    TrainingData data;
    data.features = {dtype == DType::f16 ? static_cast<const void*>(rows16.data()) : rows32.data(),
                     dtype, rows32.size() / dim, dim};
    data.row_of = row_of;
    if (multi_hot.empty()) data.labels = labels;
    data.multi_hot = multi_hot;
    data.classes = classes;
    data.train = train;
    data.val = val;
    return data;
  }

  /// f32 features of one sample, as stored.
  [[nodiscard]] std::vector<float> features(std::uint32_t sample) const {
    std::vector<float> row(dim);
    const std::size_t from = row_of[sample] * dim;
    for (std::size_t d = 0; d < dim; ++d) {
      row[d] = dtype == DType::f16 ? half_to_float(rows16[from + d]) : rows32[from + d];
    }
    return row;
  }
};

inline TrainConfig toy_config() {
  TrainConfig config;
  config.head = "vgg";
  config.optimizer = Optimizer::adamw;
  config.epochs = 8;
  config.batch = 32;
  config.learning_rate = 3e-3;
  config.hidden = 24;
  config.dropout = 0.2;
  config.seed = 5;
  config.threads = 2;
  return config;
}

/// A folder of its own under the temporary folder, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "caft-torch-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace caft::testing
