// caft inspect NAME|PLAN: what a compiled engine is made of.
#include <fmt/format.h>

#include <filesystem>

#include "caft/core/error.hpp"
#include "caft/engine/plan.hpp"
#include "caft/extract/backbone.hpp"
#include "options.hpp"
#include "output.hpp"
#include "plan_json.hpp"
#include "plan_options.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct InspectVerb {
  BackboneFlags backbone;
  PlanFlags plan;
  bool trust = false, layers = false;
};

/// A backbone's engine, built when the store lacks it, or a plan file on its own.
std::shared_ptr<Engine> open_engine(const InspectVerb& verb) {
  const std::string& name = verb.backbone.name;
  BackboneOptions options = verb.backbone.resolve();
  if (!std::filesystem::is_regular_file(name) || name.ends_with(".json")) {
    verb.plan.apply(options);
    return open_backbone(name, options).engine;
  }
  EngineConfig config;
  ForeignPlanFlags{name, verb.trust}.apply(config.plan);
  return backend(options.backend.empty() ? "tensorrt" : options.backend).build(config);
}

std::string port_text(const TensorInfo& port) {
  std::string shape;
  for (const std::int64_t size : port.shape) {
    shape += (shape.empty() ? "" : ",") + (size < 0 ? std::string("?") : std::to_string(size));
  }
  return fmt::format("{} {}[{}]", port.name, to_string(port.dtype), shape);
}

void print_summary(const PlanSummary& summary, bool with_layers) {
  print_line(
      fmt::format("{} (TensorRT {}, {})", summary.file.string(), summary.tensorrt, summary.gpu));
  for (const TensorInfo& port : summary.inputs) print_line("input   " + port_text(port));
  for (const TensorInfo& port : summary.outputs) print_line("output  " + port_text(port));
  for (const BatchRange& range : summary.profiles) {
    print_line(fmt::format("profile {}:{}:{}", range.min, range.opt, range.max));
  }
  print_line(fmt::format("{} layers, {:.1f} MiB of plan, {:.1f} MiB of GPU memory a context",
                         summary.layers.size(), static_cast<double>(summary.bytes) / (1 << 20),
                         static_cast<double>(summary.device_memory) / (1 << 20)));
  if (with_layers) {
    std::vector<std::vector<std::string>> rows{{"layer", "type", "outputs"}};
    for (const PlanLayer& layer : summary.layers) {
      rows.push_back({layer.name, layer.type, layer.outputs});
    }
    print_table(rows);
  }
  for (const std::string& warning : summary.warnings) print_line("warning: " + warning);
}

void run_inspect(const InspectVerb& verb, const Session& session) {
  const std::shared_ptr<Engine> engine = open_engine(verb);
  PlanEngine* plan = engine->plan();
  if (plan == nullptr) {
    throw Error(ErrorKind::usage, "only engines that are compiled ahead of time can be inspected",
                "use --backend tensorrt, on a machine with an NVIDIA GPU");
  }
  const PlanSummary summary = plan->inspect();
  if (session.json) return print_json(plan_json(summary));
  print_summary(summary, verb.layers);
}

}  // namespace

void add_inspect(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("inspect", "Show what a compiled engine is made of");
  auto verb = std::make_shared<InspectVerb>();
  verb->backbone.add_to(*sub);
  verb->plan.add_to(*sub);
  sub->add_flag("--trust-plan", verb->trust, "Open a plan file that caft did not build");
  sub->add_flag("--layers", verb->layers, "List every layer with its types and formats");
  sub->add_option("name", verb->backbone.name, "Backbone, or a plan file");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_inspect(*verb, session); }; });
}

}  // namespace caft::cli
