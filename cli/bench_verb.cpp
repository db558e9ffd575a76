// caft bench BACKBONE [--images DATA]
#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "caft/extract/measure.hpp"
#include "options.hpp"
#include "output.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct BenchVerb {
  BackboneFlags backbone;
  std::vector<std::filesystem::path> images;
  double seconds = 5;
  int passes = 1;
};

nlohmann::json latency_json(const LatencySummary& latency) {
  return {{"mean", latency.mean}, {"p50", latency.p50}, {"p90", latency.p90}, {"p99", latency.p99}};
}

std::string latency_text(const LatencySummary& latency) {
  return fmt::format("mean {:.2f}, p50 {:.2f}, p90 {:.2f}, p99 {:.2f} ms", latency.mean,
                     latency.p50, latency.p90, latency.p99);
}

void run_bench(const BenchVerb& verb, const Session& session) {
  const Backbone backbone = open_backbone(verb.backbone.name, verb.backbone.resolve());
  const EngineMeasurement engine = measure_engine(backbone, verb.seconds);
  const int batch = backbone.engine->batch().opt;
  nlohmann::json json = {{"backbone", backbone.card.name},
                         {"engine", backbone.engine->description()},
                         {"precision", to_string(backbone.engine->precision())},
                         {"batch", batch},
                         {"contexts", engine.contexts},
                         {"images_per_second", engine.images_per_second},
                         {"batch_latency_ms", latency_json(engine.batch_latency)},
                         {"single_latency_ms", latency_json(engine.single_latency)}};
  if (!verb.images.empty()) {
    std::vector<ImageSource> sources;
    for (const Sample& sample : open_images(verb.images).samples) sources.push_back(sample.source);
    const PipelineMeasurement pipeline = measure_pipeline(backbone, sources, verb.passes);
    const double bound = 1 / (1 / engine.images_per_second + 1 / pipeline.decode_images_per_second);
    json["images"] = sources.size();
    json["decode_images_per_second"] = pipeline.decode_images_per_second;
    json["pipeline_images_per_second"] = pipeline.pipeline_images_per_second;
    json["pipeline_of_bound"] = pipeline.pipeline_images_per_second / bound;
  }
  if (session.json) return print_json(json);
  print_line(fmt::format("{} in {} on {}", backbone.card.name, json["precision"].get<std::string>(),
                         backbone.engine->description()));
  print_line(fmt::format("engine: {:.1f} images/s with {} requests of {} in flight",
                         engine.images_per_second, engine.contexts, batch));
  print_line(fmt::format("a request of {}: {}", batch, latency_text(engine.batch_latency)));
  print_line(fmt::format("one image: {}", latency_text(engine.single_latency)));
  if (json.contains("images")) {
    print_line(fmt::format(
        "decode and resize: {:.1f} images/s; whole pipeline: {:.1f} images/s, "
        "{:.2f} of what the two allow",
        json["decode_images_per_second"].get<double>(),
        json["pipeline_images_per_second"].get<double>(), json["pipeline_of_bound"].get<double>()));
  }
}

}  // namespace

void add_bench(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("bench", "Measure a backbone on this machine");
  auto verb = std::make_shared<BenchVerb>();
  sub->add_option("--images", verb->images,
                  "Also measure decoding and the whole pipeline on these");
  sub->add_option("--seconds", verb->seconds, "How long the engine is measured")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  sub->add_option("--passes", verb->passes, "How often the images are run through")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->backbone.add_to(*sub);
  sub->add_option("name", verb->backbone.name,
                  "Backbone: a name from caft zoo list, or a card.json");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_bench(*verb, session); }; });
}

}  // namespace caft::cli
