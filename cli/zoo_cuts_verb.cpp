// caft zoo cuts NAME: where a backbone can be cut, and what each cut costs.
#include <fmt/format.h>

#include "caft/zoo/card.hpp"
#include "engine/reference/trace.hpp"
#include "graph/cuts.hpp"
#include "graph/onnx_model.hpp"
#include "output.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

nlohmann::json cut_json(const Cut& cut) {
  return {{"name", cut.name},
          {"aliases", cut.aliases},
          {"tensor", cut.tensor},
          {"shape", cut.shape},
          {"macs_before", cut.macs_before},
          {"macs_after", cut.macs_after},
          {"share_before", cut.share_before()},
          {"parameters_after", cut.parameters_after},
          {"cached_bytes", cut.cached_bytes()}};
}

void run_cuts(const std::string& name, const Session& session) {
  const BackboneCard card = Store().find(name);
  card.verify_hash();
  const OnnxModel model = OnnxModel::load(card.onnx);
  const std::vector<Cut> cuts =
      find_cuts(model, reference::trace_shapes(OnnxModel::load(card.onnx)));
  if (session.json) {
    nlohmann::json document{{"backbone", name}, {"cuts", nlohmann::json::array()}};
    for (const Cut& cut : cuts) document["cuts"].push_back(cut_json(cut));
    return print_json(document);
  }
  std::vector<std::vector<std::string>> rows{
      {"cut", "shape", "MACs before", "MACs behind", "parameters behind", "KiB an image"}};
  for (const Cut& cut : cuts) {
    rows.push_back({cut.name, fmt::format("{}", fmt::join(cut.shape, "x")),
                    fmt::format("{:.1f} %", 100 * cut.share_before()),
                    fmt::format("{:.1f} M", cut.macs_after / 1e6),
                    fmt::format("{:.2f} M", static_cast<double>(cut.parameters_after) / 1e6),
                    fmt::format("{:.1f}", static_cast<double>(cut.cached_bytes()) / 1024)});
  }
  print_table(rows);
}

}  // namespace

void add_zoo_cuts(CLI::App& zoo, Session& session) {
  CLI::App* sub =
      zoo.add_subcommand("cuts", "Where a backbone can be cut in two, and what it costs");
  auto name = std::make_shared<std::string>();
  sub->add_option("name", *name, "Backbone")->required();
  sub->callback(
      [&session, name] { session.action = [&session, name] { run_cuts(*name, session); }; });
}

}  // namespace caft::cli
