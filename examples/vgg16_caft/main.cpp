// Cached-activation fine-tuning of VGG16-BN: the frozen layers run once, in an inference engine;
// the classifier then trains from their activations in a plain LibTorch loop.
#include <caft/caft.hpp>
#include <caft/torch/cached_fine_tune_model.hpp>
#include <caft/torch/train.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Options {
  std::string data, backbone = "vgg16_bn", backend, cache;
  int epochs = 10, batch = 64, hidden = 4096;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0) {
      options.data = name;
      continue;
    }
    if (i + 1 == argc) throw caft::Error(caft::ErrorKind::usage, name + " needs a value");
    const std::string value = argv[++i];
    if (name == "--backbone")
      options.backbone = value;
    else if (name == "--backend")
      options.backend = value;
    else if (name == "--cache")
      options.cache = value;
    else if (name == "--epochs")
      options.epochs = std::atoi(value.c_str());
    else if (name == "--batch")
      options.batch = std::atoi(value.c_str());
    else if (name == "--hidden")
      options.hidden = std::atoi(value.c_str());
    else
      throw caft::Error(caft::ErrorKind::usage, "there is no option " + name);
  }
  if (options.data.empty() || options.epochs < 1 || options.batch < 1 || options.hidden < 1) {
    throw caft::Error(caft::ErrorKind::usage,
                      "usage: vgg16_caft FOLDER_OF_CLASS_FOLDERS [--backbone NAME|card.json] "
                      "[--backend openvino|reference] [--cache FOLDER] [--epochs N] [--batch N] "
                      "[--hidden N]");
  }
  return options;
}

/// The samples of a split that could be read and cached.
struct Part {
  std::vector<std::size_t> samples;
  std::vector<caft::SampleKey> keys;
  torch::Tensor labels;  // int64 [samples]
};

Part part_of(const caft::Dataset& dataset, const caft::CachedDataset& cached, caft::Split split) {
  Part part;
  std::vector<std::int64_t> labels;
  for (const std::size_t sample : dataset.of_split(split)) {
    if (!cached.keys[sample]) continue;
    part.samples.push_back(sample);
    part.keys.push_back(*cached.keys[sample]);
    labels.push_back(dataset.samples[sample].labels.front());
  }
  if (labels.empty())
    throw caft::Error(caft::ErrorKind::bad_input, "a split has no readable images");
  part.labels = torch::tensor(labels, torch::kLong);
  return part;
}

/// u8 [N, H, W, 3] of some samples' files: the engine normalises them itself.
torch::Tensor load_images(const caft::Dataset& dataset, const std::vector<std::size_t>& samples,
                          std::size_t from, std::size_t to, const caft::Preprocessing& spec) {
  const torch::Tensor images = torch::empty(
      {static_cast<std::int64_t>(to - from), spec.height, spec.width, 3}, torch::kByte);
  const std::size_t size = static_cast<std::size_t>(spec.height) * spec.width * 3;
  for (std::size_t i = from; i < to; ++i) {
    const auto bytes = caft::read_source(dataset.samples[samples[i]].source);
    caft::DecodeOptions options;
    options.exif_orientation = spec.exif_orientation;
    caft::resize_and_crop(caft::decode_image(bytes, options), spec,
                          {images.data_ptr<std::uint8_t>() + (i - from) * size, size});
  }
  return images;
}

void run(const Options& options) {
  // Phase 0: data and engine. Any backend serves: OpenVINO on CPUs, the reference one anywhere.
  caft::Dataset dataset = caft::open_dataset(options.data);
  if (dataset.multi_label || dataset.classes.size() < 2) {
    throw caft::Error(caft::ErrorKind::usage, options.data + ": give class folders, two or more");
  }
  if (dataset.of_split(caft::Split::val).empty()) {
    caft::stratified_split(dataset, 0.25, 0, caft::Split::val);
  }
  caft::BackboneOptions how;
  how.backend = options.backend;
  const caft::Backbone backbone = caft::open_backbone(options.backbone, how);
  std::cout << backbone.card.name << " on " << backbone.engine->description() << "\n";

  // Phase 1: the activations, once. They are kept for good: a second run computes none.
  caft::ConsoleProgress progress;
  caft::CacheOptions cache_options;
  cache_options.folder = options.cache;
  cache_options.progress = &progress;
  const caft::CachedDataset cached = caft::cache_dataset(dataset, backbone, cache_options);
  std::cout << "cached " << cached.computed << " images in " << cached.seconds << " s, "
            << cached.reused << " were there already\n";
  const Part train = part_of(dataset, cached, caft::Split::train);
  const Part val = part_of(dataset, cached, caft::Split::val);

  // Phase 2: the classifier, from the cache. `forward` takes sample indices while it trains.
  torch::manual_seed(0);
  caft::CachedFineTuneModel model(
      backbone.engine, caft::make_vgg_head(backbone.card.feature_dim, options.hidden,
                                           static_cast<std::int64_t>(dataset.classes.size())));
  model->use_cache(cached.cache.read(train.keys));
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(1e-4));
  const auto records = static_cast<std::int64_t>(train.samples.size());
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const auto start = Clock::now();
    model->train();
    const torch::Tensor order = torch::randperm(records, torch::kLong);
    double loss_sum = 0;
    for (const torch::Tensor& indices : order.split(options.batch)) {
      optimizer.zero_grad();
      const torch::Tensor loss = torch::nn::functional::cross_entropy(
          model->forward(indices), train.labels.index_select(0, indices));
      loss.backward();
      optimizer.step();
      loss_sum += loss.item<double>() * static_cast<double>(indices.size(0));
    }
    std::cout << "epoch " << epoch << ": loss " << loss_sum / static_cast<double>(records) << ", "
              << seconds_since(start) * 1000 << " ms\n";
  }

  // Phase 3: images through the engine and the classifier, as in use.
  const auto start = Clock::now();
  model->eval();
  const torch::NoGradGuard no_grad;
  std::int64_t right = 0;
  constexpr std::size_t kStep = 16;
  for (std::size_t from = 0; from < val.samples.size(); from += kStep) {
    const std::size_t to = std::min(from + kStep, val.samples.size());
    const torch::Tensor images =
        load_images(dataset, val.samples, from, to, backbone.preprocessing);
    const torch::Tensor truth =
        val.labels.slice(0, static_cast<std::int64_t>(from), static_cast<std::int64_t>(to));
    right += model->forward(images).argmax(1).eq(truth).sum().item<std::int64_t>();
  }
  std::cout << "accuracy on " << val.samples.size()
            << " images: " << static_cast<double>(right) / static_cast<double>(val.samples.size())
            << " (" << seconds_since(start) << " s)\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return EXIT_SUCCESS;
  } catch (const caft::Error& error) {
    std::cerr << "vgg16_caft: " << error.what() << "\n";
    return error.kind() == caft::ErrorKind::usage ? 2 : EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::cerr << "vgg16_caft: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
