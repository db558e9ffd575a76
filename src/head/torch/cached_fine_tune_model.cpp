#include "caft/torch/cached_fine_tune_model.hpp"

#include <algorithm>

#include "caft/torch/features.hpp"
#include "head/torch/describe.hpp"
#include "head/torch/engine_runner.hpp"

namespace caft {
namespace {

void check_rows(const torch::Tensor& features) {
  const bool good =
      features.defined() && features.dim() == 2 && features.size(0) > 0 &&
      (features.scalar_type() == torch::kFloat || features.scalar_type() == torch::kHalf);
  if (!good) {
    throw Error(ErrorKind::usage, "use_cache: features are " + describe(features) +
                                      ", not Float or Half [samples, D]");
  }
}

/// Throws unless all of `indices`, int64 [N], name one of `count` samples.
void check_indices(const torch::Tensor& indices, std::int64_t count) {
  if (!indices.defined() || indices.scalar_type() != torch::kLong || indices.dim() != 1) {
    throw Error(ErrorKind::usage, "sample indices are " + describe(indices) + ", not Long [N]",
                "in training mode a cached model takes indices; call eval() to give it images");
  }
  if (indices.numel() == 0) return;
  const auto low = indices.min().item<std::int64_t>(), high = indices.max().item<std::int64_t>();
  if (low < 0 || high >= count) {
    throw Error(ErrorKind::usage, "sample index " + std::to_string(low < 0 ? low : high) +
                                      " is out of range: there are " + std::to_string(count) +
                                      " samples");
  }
}

}  // namespace

CachedFineTuneModelImpl::CachedFineTuneModelImpl(std::shared_ptr<Engine> engine,
                                                 torch::nn::Sequential head,
                                                 std::int64_t num_records,
                                                 CachedFineTuneOptions options)
    : feature_extractor(std::move(engine)),
      classifier(std::move(head)),
      options_(std::move(options)),
      num_records_(num_records) {
  if (classifier.is_empty()) throw Error(ErrorKind::usage, "CachedFineTuneModel: no classifier");
  if (options_.dtype != torch::kFloat && options_.dtype != torch::kHalf) {
    throw Error(ErrorKind::usage, "CachedFineTuneModel keeps rows as kFloat or kHalf");
  }
  register_module("classifier", classifier);
  if (feature_extractor) {
    runner_ = std::make_shared<EngineRunner>(feature_extractor, options_.input, options_.output);
  }
}

std::int64_t CachedFineTuneModelImpl::num_cached() const {
  if (!is_cached()) return 0;
  return row_of_.defined() ? row_of_.size(0) : frozen_data.size(0);
}

void CachedFineTuneModelImpl::use_cache(const torch::Tensor& features) {
  check_rows(features);
  frozen_data = features.detach();
  row_of_ = torch::Tensor();
}

void CachedFineTuneModelImpl::use_cache(const FeatureMatrix& features) {
  const torch::Tensor rows = as_tensor(features);
  check_rows(rows);
  const torch::Tensor row_of =
      torch::empty({static_cast<std::int64_t>(features.row_of.size())}, torch::kLong);
  std::copy(features.row_of.begin(), features.row_of.end(), row_of.data_ptr<std::int64_t>());
  if (row_of.numel() == 0) throw Error(ErrorKind::usage, "use_cache: the features name no sample");
  check_indices(row_of, rows.size(0));
  frozen_data = rows;
  row_of_ = row_of;
}

CachedFineTuneModelImpl::Collection CachedFineTuneModelImpl::begin_caching() const {
  if (num_records_ < 1) {
    throw Error(ErrorKind::usage, "cache_activations: the number of samples is not known",
                "give num_records to the model's constructor");
  }
  if (!runner_) throw Error(ErrorKind::usage, "cache_activations: the model has no engine");
  Collection collection;
  collection.rows = torch::empty({num_records_, runner_->feature_dim()}, options_.dtype);
  collection.written.assign(static_cast<std::size_t>(num_records_), false);
  return collection;
}

void CachedFineTuneModelImpl::cache_batch(Collection& collection, const torch::Tensor& images,
                                          const torch::Tensor& indices) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor rows = runner_->run(images).to(options_.dtype);
  const std::int64_t count = rows.size(0);
  torch::Tensor where;
  if (indices.defined()) {
    where = indices.numel() == count ? indices.reshape({count}).to(torch::kCPU) : indices;
  } else {
    where = torch::arange(collection.next, collection.next + count, torch::kLong);
  }
  check_indices(where, num_records_);
  if (where.numel() != count) {
    throw Error(ErrorKind::usage, "cache_activations: " + std::to_string(where.numel()) +
                                      " indices came with " + std::to_string(count) + " images");
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const auto sample = where[i].item<std::int64_t>();
    if (collection.written[static_cast<std::size_t>(sample)]) {
      throw Error(ErrorKind::usage,
                  "cache_activations: sample " + std::to_string(sample) + " came twice",
                  "are the targets labels, not indices? Then pass RowOrder::sequential");
    }
    collection.written[static_cast<std::size_t>(sample)] = true;
  }
  if (!torch::isfinite(rows).all().item<bool>()) {
    throw Error(ErrorKind::bad_input,
                "cache_activations: a feature is not finite or too large for the cache's dtype",
                "check the images; with kHalf, try kFloat");
  }
  collection.rows.index_copy_(0, where, rows);
  collection.next += count;
}

void CachedFineTuneModelImpl::finish_caching(Collection collection, torch::Device device) {
  const auto missing = std::find(collection.written.begin(), collection.written.end(), false);
  if (missing != collection.written.end()) {
    throw Error(ErrorKind::usage, "cache_activations: no batch held sample " +
                                      std::to_string(missing - collection.written.begin()) +
                                      " of " + std::to_string(num_records_));
  }
  frozen_data = collection.rows.to(device);
  row_of_ = torch::Tensor();
}

torch::Tensor CachedFineTuneModelImpl::cached_features(const torch::Tensor& indices) const {
  if (!is_cached()) {
    throw Error(ErrorKind::usage, "the model has no cached activations",
                "call cache_activations or use_cache first");
  }
  check_indices(indices, num_cached());
  const torch::NoGradGuard no_grad;
  const torch::Tensor rows =
      row_of_.defined() ? row_of_.index_select(0, indices.to(row_of_.device())) : indices;
  return frozen_data.index_select(0, rows.to(frozen_data.device())).to(torch::kFloat);
}

torch::Tensor CachedFineTuneModelImpl::extract_features(const torch::Tensor& images) {
  if (!runner_) {
    throw Error(ErrorKind::usage, "the model has no engine to run images through",
                "build it with one, or call classify_features");
  }
  return runner_->run(images);
}

torch::Tensor CachedFineTuneModelImpl::classify_features(const torch::Tensor& features) {
  if (!features.defined() || features.dim() != 2 || !features.is_floating_point()) {
    throw Error(ErrorKind::usage, "features are " + describe(features) + ", not Float [N, D]");
  }
  const std::vector<torch::Tensor> parameters = classifier->parameters();
  const torch::Device device = parameters.empty() ? features.device() : parameters.front().device();
  try {
    return classifier->forward(features.to(device, torch::kFloat));
  } catch (const c10::Error& error) {
    throw from_torch("the classifier does not take features " + describe(features), error);
  }
}

torch::Tensor CachedFineTuneModelImpl::forward(const torch::Tensor& x) {
  if (is_training() && is_cached()) return classify_features(cached_features(x));
  if (x.defined() && x.scalar_type() == torch::kLong) {
    throw Error(ErrorKind::usage, "forward takes images here, not sample indices",
                is_cached() ? "call train() to read the cache" : "cache the activations first");
  }
  return classify_features(extract_features(x));
}

}  // namespace caft
