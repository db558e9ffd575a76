// caft bench BACKBONE [--images DATA]
#include <fmt/format.h>

#include <algorithm>

#include "caft/core/error.hpp"
#include "caft/engine/plan.hpp"
#include "caft/extract/measure.hpp"
#include "options.hpp"
#include "output.hpp"
#include "plan_json.hpp"
#include "plan_options.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct BenchVerb {
  BackboneFlags backbone;
  PlanFlags plan;
  ForeignPlanFlags foreign;
  std::vector<std::filesystem::path> images;
  std::vector<int> sweep;
  int streams = 1;
  double seconds = 5;
  DecodeFlag decode;
  int passes = 1;
};

std::string latency_text(const Percentiles& latency) {
  return fmt::format("mean {:.2f}, p50 {:.2f}, p90 {:.2f}, p99 {:.2f} ms", latency.mean,
                     latency.p50, latency.p90, latency.p99);
}

/// Latency by parts over batch sizes, with and without copies from and to host memory.
std::vector<PlanMeasurement> sweep_plan(const BenchVerb& verb, PlanEngine& plan, int batch) {
  std::vector<PlanMeasurement> lines;
  for (const int rows : verb.sweep.empty() ? std::vector<int>{1, batch} : verb.sweep) {
    for (const bool transfers : {true, false}) {
      lines.push_back(plan.measure({.batch = rows,
                                    .streams = verb.streams,
                                    .transfers = transfers,
                                    .warm_up = verb.seconds / 5,
                                    .seconds = verb.seconds}));
    }
  }
  return lines;
}

void print_sweep(const std::vector<PlanMeasurement>& lines) {
  std::vector<std::vector<std::string>> rows{{"batch", "streams", "copies", "images/s", "mean ms",
                                              "p50", "p90", "p99", "H2D", "GPU", "D2H", "enqueue",
                                              "mJ/image"}};
  const auto number = [](double value) { return fmt::format("{:.3f}", value); };
  for (const PlanMeasurement& line : lines) {
    rows.push_back({std::to_string(line.batch), std::to_string(line.streams),
                    line.transfers ? "with" : "without",
                    fmt::format("{:.0f}", line.images_per_second), number(line.latency.mean),
                    number(line.latency.p50), number(line.latency.p90), number(line.latency.p99),
                    line.transfers ? number(line.h2d.mean) : "",
                    line.transfers ? number(line.gpu.mean) : "",
                    line.transfers ? number(line.d2h.mean) : "", number(line.enqueue.mean),
                    line.joules_per_image < 0 ? "" : number(1000 * line.joules_per_image)});
  }
  print_table(rows);
}

void run_bench(const BenchVerb& verb, const Session& session) {
  BackboneOptions options = verb.backbone.resolve();
  verb.plan.apply(options);
  verb.foreign.apply(options.plan);
  const Backbone backbone = open_backbone(verb.backbone.name, options);
  const EngineMeasurement engine = measure_engine(backbone, verb.seconds);
  const int batch = backbone.engine->batch().opt;
  nlohmann::json json = {{"backbone", backbone.card.name},
                         {"engine", backbone.engine->description()},
                         {"precision", to_string(backbone.engine->precision())},
                         {"batch", batch},
                         {"contexts", engine.contexts},
                         {"images_per_second", engine.images_per_second},
                         {"batch_latency_ms", percentiles_json(engine.batch_latency)},
                         {"single_latency_ms", percentiles_json(engine.single_latency)}};
  std::vector<PlanMeasurement> lines;
  if (PlanEngine* plan = backbone.engine->plan()) {
    lines = sweep_plan(verb, *plan, batch);
    json["sweep"] = nlohmann::json::array();
    for (const PlanMeasurement& line : lines) json["sweep"].push_back(measurement_json(line));
  } else if (!verb.sweep.empty() || verb.streams != 1) {
    throw Error(ErrorKind::usage, "--sweep and --streams are for engines of --backend tensorrt");
  }
  if (!verb.images.empty()) {
    std::vector<ImageSource> sources;
    for (const Sample& sample : open_images(verb.images).samples) sources.push_back(sample.source);
    const PipelineMeasurement pipeline =
        measure_pipeline(backbone, sources, verb.passes, {.decode = verb.decode.resolve()});
    // On a GPU decoding goes on beside the network; on a CPU both share the cores.
    const double decode = pipeline.decode_images_per_second;
    const double engines =
        engine.images_per_second * static_cast<double>(1 + backbone.replicas.size());
    const double bound =
        pipeline.beside_engine ? std::min(engines, decode) : 1 / (1 / engines + 1 / decode);
    json["images"] = sources.size();
    json["decode_images_per_second"] = pipeline.decode_images_per_second;
    json["pipeline_images_per_second"] = pipeline.pipeline_images_per_second;
    json["decoder"] = pipeline.decoder;
    json["pipeline_of_bound"] = pipeline.pipeline_images_per_second / bound;
  }
  if (session.json) return print_json(json);
  print_line(fmt::format("{} in {} on {}", backbone.card.name, json["precision"].get<std::string>(),
                         backbone.engine->description()));
  print_line(fmt::format("engine: {:.1f} images/s with {} requests of {} in flight",
                         engine.images_per_second, engine.contexts, batch));
  print_line(fmt::format("a request of {}: {}", batch, latency_text(engine.batch_latency)));
  print_line(fmt::format("one image: {}", latency_text(engine.single_latency)));
  if (!lines.empty()) print_sweep(lines);
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
  sub->add_option("--sweep", verb->sweep, "TensorRT: batch sizes to measure, separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(1, 65536));
  sub->add_option("--streams", verb->streams, "TensorRT: requests in flight")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  verb->backbone.add_to(*sub);
  verb->decode.add_to(*sub);
  verb->plan.add_to(*sub);
  verb->foreign.add_to(*sub);
  sub->add_option("name", verb->backbone.name,
                  "Backbone: a name from caft zoo list, or a card.json");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_bench(*verb, session); }; });
}

}  // namespace caft::cli
