// caft curve DATA
#include <fmt/format.h>

#include "caft/lab/curve.hpp"
#include "lab_input.hpp"
#include "model/gather.hpp"
#include "output.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct CurveVerb {
  LabFlags input;
  lab::CurveOptions options;
};

nlohmann::json curve_json(const lab::Curve& curve) {
  nlohmann::json points = nlohmann::json::array(), ahead = nlohmann::json::array();
  for (const lab::CurvePoint& p : curve.points) {
    points.push_back({{"per_class", p.per_class},
                      {"images", p.images},
                      {"mean", p.spread.mean},
                      {"std", p.spread.std},
                      {"ci95", {p.spread.low, p.spread.high}},
                      {"accuracy", p.accuracy}});
  }
  for (const lab::Extrapolation& e : curve.ahead) {
    ahead.push_back({{"factor", e.factor},
                     {"images", e.images},
                     {"accuracy", e.accuracy},
                     {"ci95", {e.low, e.high}}});
  }
  return {
      {"curve", points},
      {"law", {{"scale", curve.law.scale}, {"decay", curve.law.decay}, {"floor", curve.law.floor}}},
      {"ahead", ahead},
      {"sentence", curve.sentence},
      {"seconds", curve.seconds}};
}

void run_curve(const CurveVerb& verb, const Session& session) {
  ConsoleProgress progress;
  const LabInput input = verb.input.open(progress, true);
  const Gathered gathered = gather(input.dataset, input.cached, GatherPart::learnable);
  lab::CurveOptions options = verb.options;
  options.threads = verb.input.backbone.engine.threads;
  const lab::Curve curve = lab::learning_curve(gathered.training_data(), options, &progress);
  progress.finish();
  if (session.json) return print_json(curve_json(curve));
  std::vector<std::vector<std::string>> rows{
      {"images a class", "images", "accuracy", "std", "95 % interval"}};
  for (const lab::CurvePoint& p : curve.points) {
    const lab::Spread& s = p.spread;
    rows.push_back({std::to_string(p.per_class), std::to_string(p.images),
                    fmt::format("{:.4f}", s.mean), fmt::format("{:.4f}", s.std),
                    fmt::format("{:.4f} to {:.4f}", s.low, s.high)});
  }
  for (const lab::Extrapolation& e : curve.ahead) {
    rows.push_back({"extrapolated", fmt::format("{:.0f}", e.images),
                    fmt::format("{:.4f}", e.accuracy), "",
                    fmt::format("{:.4f} to {:.4f}", e.low, e.high)});
  }
  print_table(rows);
  print_line(curve.sentence);
}

}  // namespace

void add_curve(CLI::App& app, Session& session) {
  CLI::App* sub =
      app.add_subcommand("curve", "Accuracy against labelled images, and what more would buy");
  auto verb = std::make_shared<CurveVerb>();
  verb->input.add_to(*sub);
  verb->input.add_hold_out_to(*sub);
  sub->add_option("--per-class", verb->options.per_class,
                  "Images a class (default: doublings from 5 up to what there is)")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  sub->add_option("--repeats", verb->options.repeats, "Random draws of each size")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  sub->add_option("--seed", verb->options.seed, "Seed of the draws")->capture_default_str();
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_curve(*verb, session); }; });
}

}  // namespace caft::cli
