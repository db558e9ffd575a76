// caft zoo list | show | cuts | export | add
#include <fmt/format.h>

#include <algorithm>

#include "caft/core/error.hpp"
#include "caft/zoo/card.hpp"
#include "output.hpp"
#include "python_tool.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

nlohmann::json line_json(const std::string& name, const std::string& family, int feature_dim,
                         std::int64_t params, const Preprocessing& spec, bool exported) {
  const bool exact = spec.mode == ResizeMode::exact;
  return {{"name", name},
          {"family", family},
          {"feature_dim", feature_dim},
          {"image_size", spec.height},
          {"mean", spec.mean},
          {"std", spec.std},
          {"interpolation", spec.interpolation == Interpolation::bicubic ? "bicubic" : "bilinear"},
          {"resize", exact ? spec.height : spec.resize},
          {"params", params},
          {"exported", exported}};
}

/// The catalogue, then what the user added or exported under other names.
nlohmann::json zoo_lines() {
  const Store store;
  nlohmann::json lines = nlohmann::json::array();
  std::vector<std::string> known;
  for (const CatalogueEntry& entry : catalogue()) {
    known.push_back(entry.name);
    lines.push_back(line_json(entry.name, entry.family, entry.feature_dim, entry.params,
                              entry.preprocessing, store.has(entry.name)));
    if (store.has(entry.name)) lines.back()["weights"] = store.find(entry.name).weights;
  }
  for (const std::string& name : store.names()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    const BackboneCard card = store.find(name);
    lines.push_back(
        line_json(name, card.family, card.feature_dim, card.params, card.preprocessing, true));
    lines.back()["weights"] = card.weights;
  }
  return lines;
}

void run_list(const Session& session) {
  const nlohmann::json lines = zoo_lines();
  if (session.json) return print_json(lines);
  std::vector<std::vector<std::string>> rows{
      {"name", "family", "features", "pixels", "parameters", "exported"}};
  for (const nlohmann::json& line : lines) {
    rows.push_back(
        {line["name"], line["family"], std::to_string(line["feature_dim"].get<int>()),
         std::to_string(line["image_size"].get<int>()),
         fmt::format("{:.1f} M", line["params"].get<double>() / 1e6),
         line["exported"].get<bool>() ? "yes, weights: " + line.value("weights", "") : "no"});
  }
  print_table(rows);
}

void run_show(const std::string& name, const Session& session) {
  const Store store;
  if (store.has(name)) {
    const BackboneCard card = store.find(name);
    if (!session.json) print_line(fmt::format("folder: {}", store.folder(name).string()));
    return print_json(card.raw);
  }
  for (const nlohmann::json& line : zoo_lines()) {
    if (line["name"] == name) return print_json(line);
  }
  throw Error(ErrorKind::not_found, "no backbone is called " + name,
              "caft zoo list names them all");
}

struct ExportVerb {
  std::string name, module, as, weights, calibration, mean, std, interpolation, resize_mode;
  int image_size = 0, opset = 17, resize = 0;
  std::uint64_t seed = 0;
  bool simplify = false, force = false;
};

void append_if(std::vector<std::string>& arguments, const std::string& flag,
               const std::string& value) {
  if (value.empty()) return;
  arguments.push_back(flag);
  arguments.push_back(value);
}

void report_card(const nlohmann::json& card, const std::filesystem::path& folder,
                 const Session& session) {
  if (session.json) return print_json(card);
  print_line(fmt::format("{}: {} features, weights: {}, in {}", card.value("name", ""),
                         card.value("feature_dim", 0), card.value("weights", ""), folder.string()));
}

void run_export(const ExportVerb& verb, const Session& session) {
  std::vector<std::string> arguments = {"export"};
  std::string name = verb.as.empty() ? verb.name : verb.as;
  if (verb.module.empty()) {
    if (verb.name.empty()) {
      throw Error(ErrorKind::usage, "no backbone was named",
                  "give one of caft zoo list, or --module FILE.py:FACTORY with --as NAME");
    }
    const auto& entries = catalogue();
    const auto entry = std::ranges::find(entries, verb.name, &CatalogueEntry::name);
    if (entry == entries.end()) {
      throw Error(ErrorKind::not_found, "no backbone of the catalogue is called " + verb.name,
                  "caft zoo list names them all; --module exports one of your own");
    }
    if (verb.as.empty() && verb.image_size > 0 && verb.image_size != entry->preprocessing.height) {
      name += "-" + std::to_string(verb.image_size);
    }
    append_if(arguments, "--entry-json", to_json(*entry).dump());
  } else {
    if (name.empty())
      throw Error(ErrorKind::usage, "--module needs a name for the backbone: --as NAME");
    append_if(arguments, "--module", verb.module);
    append_if(arguments, "--mean", verb.mean);
    append_if(arguments, "--std", verb.std);
    append_if(arguments, "--interpolation", verb.interpolation);
    append_if(arguments, "--resize-mode", verb.resize_mode);
    if (verb.resize > 0) append_if(arguments, "--resize", std::to_string(verb.resize));
  }
  append_if(arguments, "--name", name);
  append_if(arguments, "--weights", verb.weights);
  append_if(arguments, "--seed", std::to_string(verb.seed));
  append_if(arguments, "--opset", std::to_string(verb.opset));
  if (verb.image_size > 0) append_if(arguments, "--image-size", std::to_string(verb.image_size));
  append_if(arguments, "--calibration-images", verb.calibration);
  if (verb.simplify) arguments.emplace_back("--simplify");
  if (verb.force) arguments.emplace_back("--force");
  const std::filesystem::path folder = Store().folder(name);
  append_if(arguments, "--out", folder.string());
  report_card(run_exporter(arguments), folder, session);
}

void add_zoo_export(CLI::App& zoo, Session& session) {
  CLI::App* sub =
      zoo.add_subcommand("export", "Export a backbone from PyTorch to ONNX, and prove it");
  auto verb = std::make_shared<ExportVerb>();
  sub->add_option("name", verb->name, "A name from caft zoo list");
  sub->add_option("--weights", verb->weights, "default, random, or a .pth or .safetensors file");
  sub->add_option("--module", verb->module, "A module of your own: FILE.py:FACTORY");
  sub->add_option("--as", verb->as, "Name in the store");
  sub->add_option("--image-size", verb->image_size, "Image size in pixels")
      ->check(CLI::Range(8, 4096));
  sub->add_option("--opset", verb->opset, "ONNX operator set")
      ->check(CLI::Range(11, 30))
      ->capture_default_str();
  sub->add_flag("--simplify", verb->simplify, "Fold constants (onnxslim)");
  sub->add_option("--seed", verb->seed, "Seed of random weights")->capture_default_str();
  sub->add_option("--calibration-images", verb->calibration,
                  "Folder of images to estimate the batch-norm statistics of random weights on");
  sub->add_option("--mean", verb->mean, "With --module: R,G,B");
  sub->add_option("--std", verb->std, "With --module: R,G,B");
  sub->add_option("--interpolation", verb->interpolation, "With --module: bilinear or bicubic");
  sub->add_option("--resize", verb->resize, "With --module: shorter side in pixels");
  sub->add_option("--resize-mode", verb->resize_mode, "With --module: short_side or exact");
  sub->add_flag("--force", verb->force, "Replace an export of the same name");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_export(*verb, session); }; });
}

struct AddVerb {
  std::string onnx, card, as;
  bool force = false;
};

void run_add(const AddVerb& verb, const Session& session) {
  const std::string name =
      verb.as.empty() ? std::filesystem::path(verb.onnx).stem().string() : verb.as;
  const std::filesystem::path folder = Store().folder(name);
  std::vector<std::string> arguments = {"add",    verb.onnx, "--card", verb.card,
                                        "--name", name,      "--out",  folder.string()};
  if (verb.force) arguments.emplace_back("--force");
  report_card(run_exporter(arguments), folder, session);
}

void add_add(CLI::App& zoo, Session& session) {
  CLI::App* sub = zoo.add_subcommand("add", "Add an ONNX backbone of your own");
  auto verb = std::make_shared<AddVerb>();
  sub->add_option("onnx", verb->onnx, "ONNX file: images [N,3,H,W] in, features [N,D] out")
      ->required();
  sub->add_option("--card", verb->card, "card.json with its preprocessing")->required();
  sub->add_option("--as", verb->as, "Name in the store (default: the file's)");
  sub->add_flag("--force", verb->force, "Replace a backbone of the same name");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_add(*verb, session); }; });
}

}  // namespace

void add_zoo(CLI::App& app, Session& session) {
  CLI::App* zoo = app.add_subcommand("zoo", "The catalogue of backbones");
  zoo->require_subcommand(1);
  CLI::App* list = zoo->add_subcommand("list", "All backbones, and which are exported");
  list->callback([&session] { session.action = [&session] { run_list(session); }; });
  CLI::App* show = zoo->add_subcommand("show", "One backbone's card");
  auto name = std::make_shared<std::string>();
  show->add_option("name", *name, "Backbone")->required();
  show->callback(
      [&session, name] { session.action = [&session, name] { run_show(*name, session); }; });
  add_zoo_cuts(*zoo, session);
  add_zoo_export(*zoo, session);
  add_add(*zoo, session);
}

}  // namespace caft::cli
