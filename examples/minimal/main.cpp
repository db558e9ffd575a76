// Trains a classifier on a folder of class folders and classifies images with it.
//   minimal DATA MODEL IMAGE…
#include <caft/caft.hpp>
#include <cstdio>

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::fprintf(stderr, "usage: minimal DATA MODEL IMAGE...\n");
    return 2;
  }
  caft::Dataset data = caft::open_dataset(argv[1]);
  caft::apply_hold_out(data, {.fraction = 0.2, .seed = 0});

  const caft::Backbone backbone = caft::open_backbone("efficientnet_lite0");
  const caft::CachedDataset cached = caft::cache_dataset(data, backbone);
  const caft::FitResult fit = caft::fit_model(data, cached, backbone, caft::TrainConfig{});
  fit.model.save(argv[2]);

  const auto held_out = data.of_split(caft::Split::test);
  const caft::Evaluation score = caft::evaluate_model(fit.model, data, cached, held_out);
  std::printf("accuracy on %zu held-out images: %.4f\n", score.metrics.n, score.metrics.accuracy);

  const caft::Predictor predictor(caft::Model::load(argv[2]), {.top = 1});
  const caft::Dataset images = caft::open_images({argv + 3, argv + argc});
  std::vector<caft::ImageSource> sources;
  for (const caft::Sample& sample : images.samples) sources.push_back(sample.source);
  const auto predictions = predictor.predict(sources);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (!predictions[i].error.empty()) {
      std::printf("%s: %s\n", sources[i].display_name().c_str(), predictions[i].error.c_str());
      continue;
    }
    const auto [index, probability] = predictions[i].top.front();
    std::printf("%s: %s (%.3f)\n", sources[i].display_name().c_str(),
                predictor.model().classes[static_cast<std::size_t>(index)].c_str(), probability);
  }
  return 0;
} catch (const caft::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
