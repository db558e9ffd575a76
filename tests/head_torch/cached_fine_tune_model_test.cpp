#include "caft/torch/cached_fine_tune_model.hpp"

#include <sstream>

#include "head_torch/expect_error.hpp"
#include "head_torch/pixel_engine.hpp"

namespace caft {
namespace {

using testing::expect_error;
using testing::PixelEngine;

constexpr std::int64_t kRecords = 21, kClasses = 3;

torch::nn::Sequential small_head() {
  return torch::nn::Sequential(torch::nn::Linear(PixelEngine::kDim, 5), torch::nn::ReLU(),
                               torch::nn::Linear(5, kClasses));
}

torch::Tensor float_images() {
  torch::manual_seed(3);
  return torch::randn({kRecords, 3, 4, 4});
}

/// Batches as a DataLoader over a stacked data set gives them.
using Batches = std::vector<torch::data::Example<>>;

Batches batches_of(const torch::Tensor& images, const torch::Tensor& targets, std::int64_t size) {
  Batches batches;
  for (std::int64_t from = 0; from < images.size(0); from += size) {
    const std::int64_t to = std::min(from + size, images.size(0));
    batches.emplace_back(images.slice(0, from, to), targets.slice(0, from, to));
  }
  return batches;
}

/// Samples as a data set whose targets are their indices.
class IndexedImages : public torch::data::datasets::Dataset<IndexedImages> {
 public:
  explicit IndexedImages(torch::Tensor images) : images_(std::move(images)) {}
  torch::data::Example<> get(std::size_t index) override {
    const auto i = static_cast<std::int64_t>(index);
    return {images_[i], torch::tensor(i)};
  }
  torch::optional<std::size_t> size() const override {
    return static_cast<std::size_t>(images_.size(0));
  }

 private:
  torch::Tensor images_;
};

class ModelTest : public ::testing::Test {
 protected:
  std::shared_ptr<PixelEngine> engine = std::make_shared<PixelEngine>(DType::f32);
  torch::Tensor images = float_images();
  CachedFineTuneModel model{engine, small_head(), kRecords};

  void cache() {
    Batches loader = batches_of(images, torch::arange(kRecords), 5);
    model->cache_activations(loader);
  }
};

TEST_F(ModelTest, CachedForwardEqualsImageForward) {
  cache();
  ASSERT_TRUE(model->is_cached());
  const torch::Tensor indices = torch::tensor({20, 0, 7, 7}, torch::kLong);
  model->eval();
  const torch::Tensor from_images = model->forward(images.index_select(0, indices));
  model->train();
  const int runs = engine->batches_run;
  const torch::Tensor from_cache = model->forward(indices);
  EXPECT_EQ(engine->batches_run, runs) << "a cached step ran the backbone";
  EXPECT_TRUE(torch::equal(from_cache, from_images));
  EXPECT_EQ(from_cache.sizes(), (std::vector<std::int64_t>{4, kClasses}));
}

TEST_F(ModelTest, GradientReachesTheClassifierAndNothingElse) {
  const auto check = [&](const torch::Tensor& x) {
    model->zero_grad();
    model->forward(x).square().sum().backward();
    for (const auto& item : model->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_GT(item.value().grad().abs().sum().item<float>(), 0) << item.key();
    }
  };
  torch::Tensor tracked = images.clone().requires_grad_(true);
  model->train();
  check(tracked);  // images, before the cache: the head learns all the same
  EXPECT_FALSE(tracked.grad().defined());
  cache();
  check(torch::arange(4));
  EXPECT_FALSE(model->frozen_data.requires_grad());
  model->eval();
  check(tracked);
  EXPECT_FALSE(tracked.grad().defined());
}

TEST_F(ModelTest, FrozenDataStaysOutOfParametersAndCheckpoints) {
  std::ostringstream before, after;
  torch::save(model, before);
  const std::size_t parameters = model->parameters().size();
  cache();
  torch::save(model, after);
  EXPECT_EQ(model->parameters().size(), parameters);
  EXPECT_EQ(parameters, 4U);
  EXPECT_TRUE(model->buffers().empty());
  for (const auto& item : model->named_parameters()) {
    EXPECT_EQ(item.key().rfind("classifier.", 0), 0U) << item.key();
  }
  EXPECT_EQ(before.str().size(), after.str().size());

  CachedFineTuneModel other(engine, small_head(), kRecords);
  std::istringstream stream(after.str());
  torch::load(other, stream);
  EXPECT_FALSE(other->is_cached());
  model->eval();
  other->eval();
  EXPECT_TRUE(torch::equal(model->forward(images), other->forward(images)));
}

TEST_F(ModelTest, AShuffledLoaderGivesTheSameCache) {
  cache();
  const torch::Tensor expected = model->frozen_data.clone();
  torch::manual_seed(11);
  auto loader = torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
      IndexedImages(images).map(torch::data::transforms::Stack<>()), 4);
  CachedFineTuneModel other(engine, small_head(), kRecords);
  other->eval();
  other->cache_activations(*loader);
  EXPECT_FALSE(other->is_training());
  EXPECT_TRUE(torch::equal(other->frozen_data, expected));
}

TEST_F(ModelTest, LabelledBatchesNeedAnOrderOrAnIndex) {
  const torch::Tensor labels = torch::arange(kRecords) % kClasses;
  Batches loader = batches_of(images, labels, 6);
  expect_error(ErrorKind::usage, "came twice", [&] { model->cache_activations(loader); });
  EXPECT_FALSE(model->is_cached());
  model->cache_activations(loader, torch::kCPU, RowOrder::sequential);
  EXPECT_TRUE(torch::equal(model->frozen_data, model->extract_features(images)));

  struct Batch {
    torch::Tensor data, target;
    std::vector<std::int64_t> index;
  };
  std::vector<Batch> indexed;
  for (std::int64_t i = kRecords - 1; i >= 0; --i) {
    indexed.push_back({images.narrow(0, i, 1), labels.narrow(0, i, 1), {i}});
  }
  CachedFineTuneModel other(engine, small_head(), kRecords);
  other->cache_activations(indexed);
  EXPECT_TRUE(torch::equal(other->frozen_data, model->frozen_data));
}

TEST_F(ModelTest, HalfRowsHalveTheMemoryAndStayClose) {
  CachedFineTuneModel half(engine, model->classifier, kRecords,
                           CachedFineTuneOptions{.dtype = torch::kHalf});
  Batches loader = batches_of(images, torch::arange(kRecords), 5);
  half->cache_activations(loader);
  cache();
  EXPECT_EQ(half->frozen_data.scalar_type(), torch::kHalf);
  const torch::Tensor indices = torch::arange(kRecords);
  model->train();
  half->train();
  const torch::Tensor logits = half->forward(indices);
  EXPECT_EQ(logits.scalar_type(), torch::kFloat);
  EXPECT_TRUE(torch::allclose(logits, model->forward(indices), 1e-2, 1e-2));
}

TEST_F(ModelTest, FeaturesThatHalfCannotHoldAreRefused) {
  const auto loud = std::make_shared<PixelEngine>(DType::f32, BatchRange{}, 1e5F);
  CachedFineTuneModel half(loud, small_head(), kRecords,
                           CachedFineTuneOptions{.dtype = torch::kHalf});
  Batches loader = batches_of(images, torch::arange(kRecords), 5);
  expect_error(ErrorKind::bad_input, "not finite", [&] { half->cache_activations(loader); });
  EXPECT_FALSE(half->is_cached());
}

TEST_F(ModelTest, ADurableCachesRowsAreReadInPlace) {
  FeatureMatrix matrix;
  matrix.rows = 4;
  matrix.dim = PixelEngine::kDim;
  matrix.dtype = DType::f16;
  matrix.data = std::shared_ptr<std::byte[]>(new std::byte[matrix.rows * matrix.dim * 2]);
  auto* values = reinterpret_cast<std::uint16_t*>(matrix.data.get());
  for (std::size_t i = 0; i < matrix.rows * matrix.dim; ++i) {
    values[i] = float_to_half(static_cast<float>(i) / 4);
  }
  matrix.row_of = {2, 0, 3, 2, 1};
  const std::weak_ptr<std::byte[]> alive = matrix.data;
  model->use_cache(matrix);
  EXPECT_EQ(model->frozen_data.data_ptr(), matrix.data.get());
  EXPECT_EQ(model->num_cached(), 5);
  matrix.data.reset();
  EXPECT_FALSE(alive.expired()) << "the model must keep the rows alive";
  const torch::Tensor rows = model->cached_features(torch::tensor({0, 3, 4}, torch::kLong));
  EXPECT_FLOAT_EQ(rows[0][1].item<float>(), 13.0F / 4);  // row 2
  EXPECT_FLOAT_EQ(rows[1][1].item<float>(), 13.0F / 4);  // row 2 again: equal images share it
  EXPECT_FLOAT_EQ(rows[2][0].item<float>(), 6.0F / 4);   // row 1
  model->use_cache(torch::zeros({3, PixelEngine::kDim}));
  EXPECT_TRUE(alive.expired());
  EXPECT_EQ(model->num_cached(), 3);

  matrix.data = std::shared_ptr<std::byte[]>(new std::byte[matrix.rows * matrix.dim * 2]);
  matrix.row_of = {4};
  expect_error(ErrorKind::usage, "out of range", [&] { model->use_cache(matrix); });
  EXPECT_EQ(model->num_cached(), 3);
}

TEST_F(ModelTest, WrongInputsAreRefusedInOneLine) {
  const auto usage = [](const std::string& text, const auto& action) {
    expect_error(ErrorKind::usage, text, action);
  };
  model->train();
  usage("takes images here", [&] { model->forward(torch::arange(3)); });
  usage("Byte [2, 4, 4, 3]", [&] { model->forward(torch::zeros({2, 4, 4, 3}, torch::kByte)); });
  usage("takes Float [N, 3, 4, 4]", [&] { model->forward(torch::zeros({2, 3, 5, 4})); });
  usage("[0, 3, 4, 4]", [&] { model->forward(torch::zeros({0, 3, 4, 4})); });
  usage("no cached activations", [&] { model->cached_features(torch::arange(2)); });
  cache();
  usage("21 is out of range", [&] { model->forward(torch::tensor({1, 21}, torch::kLong)); });
  usage("-1 is out of range", [&] { model->forward(torch::tensor({-1, 2}, torch::kLong)); });
  usage("call eval()", [&] { model->forward(images); });
  usage("not Long [N]", [&] { model->forward(torch::zeros({2, 2}, torch::kLong)); });
  usage("not Float [N, D]", [&] { model->classify_features(torch::arange(3)); });
  usage("does not take features", [&] { model->classify_features(torch::zeros({2, 9})); });
  model->eval();
  usage("call train()", [&] { model->forward(torch::arange(3)); });

  CachedFineTuneModel bare(nullptr, small_head());
  usage("no engine", [&] { bare->forward(images); });
  Batches loader = batches_of(images, torch::arange(kRecords), 5);
  usage("number of samples", [&] { bare->cache_activations(loader); });
  loader.pop_back();
  usage("no batch held sample 20", [&] { model->cache_activations(loader); });
  EXPECT_TRUE(model->is_cached()) << "a failed run must leave the earlier cache";
  usage("no input 'pixels'", [&] {
    CachedFineTuneModel(engine, small_head(), 1, CachedFineTuneOptions{.input = "pixels"});
  });
  engine->pretend_device({DeviceKind::cuda, 0});
  usage("on a GPU", [&] { CachedFineTuneModel(engine, small_head(), 1); });
}

TEST_F(ModelTest, BatchesAreCutAndPaddedToWhatTheEngineTakes) {
  const torch::Tensor expected = model->extract_features(images);
  EXPECT_EQ(engine->batches_run, 3);  // 8 + 8 + 5
  const auto fixed = std::make_shared<PixelEngine>(DType::f32, BatchRange{4, 4, 4});
  CachedFineTuneModel other(fixed, small_head(), kRecords);
  EXPECT_TRUE(torch::equal(other->extract_features(images), expected));
  EXPECT_EQ(fixed->batches_run, 6);  // the last one holds a single image
}

TEST(ByteImages, AnEngineThatNormalisesTakesPixels) {
  CachedFineTuneModel model(std::make_shared<PixelEngine>(DType::u8), small_head(), 2);
  const torch::Tensor pixels = torch::randint(0, 256, {2, 4, 4, 3}).to(torch::kByte);
  const torch::Tensor features = model->extract_features(pixels);
  float sum = 0;
  for (std::int64_t i = 0; i < PixelEngine::kPixels; ++i) {
    sum += static_cast<float>((i + 1) % 7 - 3) * pixels[1].flatten()[i].item<float>();
  }
  EXPECT_FLOAT_EQ(features[1][0].item<float>(), 0.25F * sum);
}

}  // namespace
}  // namespace caft
