// caft profile NAME: the time of each layer.
#include <fmt/format.h>

#include <filesystem>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/engine/plan.hpp"
#include "caft/extract/backbone.hpp"
#include "options.hpp"
#include "output.hpp"
#include "plan_options.hpp"
#include "report/escape.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct ProfileVerb {
  BackboneFlags backbone;
  PlanFlags plan;
  ForeignPlanFlags foreign;
  int runs = 50;
  std::string html;
};

/// One self-contained page: a bar a layer, slowest first.
std::string profile_page(const std::string& title, const std::vector<LayerTime>& layers) {
  std::string rows;
  double sum = 0;
  for (const LayerTime& layer : layers) {
    sum += layer.milliseconds;
    rows += fmt::format(
        "<tr><td class=n>{:.4f}</td><td class=n>{:.1f} %</td><td><i style=\"width:{:.2f}%\"></i>"
        "</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        layer.milliseconds, 100 * layer.share, 100 * layer.share / layers.front().share,
        report::escape_html(layer.precision), report::escape_html(layer.type),
        report::escape_html(layer.name));
  }
  return fmt::format(
      "<!doctype html><html lang=en><meta charset=utf-8><title>{0}</title><style>"
      "body{{font:14px system-ui;margin:2em}}table{{border-collapse:collapse}}"
      "td,th{{padding:2px 8px;text-align:left}}.n{{text-align:right}}"
      "i{{display:block;height:10px;background:#3b7}}td:nth-child(3){{width:200px}}</style>"
      "<h1>{0}</h1><p>{1} layers, {2:.3f} ms a run, medians</p><table><tr><th>ms<th>share<th>"
      "<th>type<th>kind<th>layer</tr>\n{3}</table></html>\n",
      report::escape_html(title), layers.size(), sum, rows);
}

void run_profile(const ProfileVerb& verb, const Session& session) {
  BackboneOptions options = verb.backbone.resolve();
  verb.plan.apply(options);
  verb.foreign.apply(options.plan);
  const Backbone backbone = open_backbone(verb.backbone.name, options);
  PlanEngine* plan = backbone.engine->plan();
  if (plan == nullptr) {
    throw Error(ErrorKind::usage, "backend " + backbone.backend + " does not tell layers' times",
                "use --backend tensorrt, on a machine with an NVIDIA GPU");
  }
  const int batch = backbone.engine->batch().opt;
  const std::vector<LayerTime> layers = plan->profile(batch, verb.runs);
  const std::string title =
      fmt::format("{}, batch {}, {}", backbone.card.name, batch, backbone.engine->description());
  if (!verb.html.empty() && !layers.empty()) {
    write_file_atomically(verb.html, profile_page(title, layers));
  }
  if (session.json) {
    nlohmann::json json = {{"backbone", backbone.card.name},
                           {"engine", backbone.engine->description()},
                           {"batch", batch},
                           {"runs", verb.runs},
                           {"layers", nlohmann::json::array()}};
    for (const LayerTime& layer : layers) {
      json["layers"].push_back({{"name", layer.name},
                                {"type", layer.type},
                                {"precision", layer.precision},
                                {"ms", layer.milliseconds},
                                {"share", layer.share}});
    }
    return print_json(json);
  }
  print_line(title);
  std::vector<std::vector<std::string>> rows{{"ms", "share", "type", "kind", "layer"}};
  for (const LayerTime& layer : layers) {
    rows.push_back({fmt::format("{:.4f}", layer.milliseconds),
                    fmt::format("{:.1f} %", 100 * layer.share), layer.precision, layer.type,
                    layer.name});
  }
  print_table(rows);
  if (!verb.html.empty()) print_line("page: " + verb.html);
}

}  // namespace

void add_profile(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("profile", "Time each layer of a compiled engine");
  auto verb = std::make_shared<ProfileVerb>();
  verb->backbone.add_to(*sub);
  verb->plan.add_to(*sub);
  verb->foreign.add_to(*sub);
  sub->add_option("--runs", verb->runs, "Runs that the medians are taken over")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  sub->add_option("--html", verb->html, "Also write a page with a bar a layer");
  sub->add_option("name", verb->backbone.name,
                  "Backbone: a name from caft zoo list, or a card.json");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_profile(*verb, session); }; });
}

}  // namespace caft::cli
