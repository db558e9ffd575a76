// caft build NAME: compiles a backbone for this machine's GPU ahead of its first use.
#include <fmt/format.h>

#include <csignal>

#include "caft/core/error.hpp"
#include "caft/core/progress.hpp"
#include "caft/engine/plan.hpp"
#include "caft/extract/backbone.hpp"
#include "options.hpp"
#include "output.hpp"
#include "plan_json.hpp"
#include "plan_options.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct BuildVerb {
  BackboneFlags backbone;
  PlanFlags plan;
};

/// Set by Ctrl-C, asked between the builder's steps.
volatile std::sig_atomic_t interrupted = 0;

/// Ctrl-C stops the build cleanly while this lives; the second one stops the program.
class InterruptStopsBuild {
 public:
  InterruptStopsBuild() {
    old_ = std::signal(SIGINT, [](int) {
      interrupted = 1;
      std::signal(SIGINT, SIG_DFL);
    });
  }
  InterruptStopsBuild(const InterruptStopsBuild&) = delete;
  InterruptStopsBuild& operator=(const InterruptStopsBuild&) = delete;
  ~InterruptStopsBuild() { std::signal(SIGINT, old_); }

 private:
  void (*old_)(int) = SIG_DFL;
};

void run_build(const BuildVerb& verb, const Session& session) {
  BackboneOptions options = verb.backbone.resolve();
  verb.plan.apply(options);
  ConsoleProgress progress;
  options.plan.progress = &progress;
  options.plan.cancelled = [] { return interrupted != 0; };
  const InterruptStopsBuild guard;
  const Backbone backbone = open_backbone(verb.backbone.name, options);
  PlanEngine* plan = backbone.engine->plan();
  if (plan == nullptr) {
    throw Error(ErrorKind::usage,
                "backend " + backbone.backend + " compiles at each start and keeps no engine",
                "use --backend tensorrt, on a machine with an NVIDIA GPU");
  }
  const PlanSummary summary = plan->inspect();
  if (session.json) {
    nlohmann::json json = plan_json(summary);
    json["backbone"] = backbone.card.name;
    json["precision"] = to_string(backbone.engine->precision());
    json["golden_cosine"] = backbone.golden_cosine;
    return print_json(json);
  }
  print_line(fmt::format("{} in {} on {}: golden cosine {:.6f}", backbone.card.name,
                         to_string(backbone.engine->precision()), summary.gpu,
                         backbone.golden_cosine));
  print_line(fmt::format("{} ({:.1f} MiB, built in {:.0f} s)", summary.file.string(),
                         static_cast<double>(summary.bytes) / (1 << 20), summary.build_seconds));
  for (const std::string& warning : summary.warnings) print_line("warning: " + warning);
}

}  // namespace

void add_build(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("build", "Compile a backbone for this machine's GPU");
  auto verb = std::make_shared<BuildVerb>();
  verb->backbone.add_to(*sub);
  verb->plan.add_to(*sub);
  sub->add_option("name", verb->backbone.name,
                  "Backbone: a name from caft zoo list, or a card.json");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_build(*verb, session); }; });
}

}  // namespace caft::cli
