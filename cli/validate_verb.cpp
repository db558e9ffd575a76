// caft validate BACKBONE | MODEL.onnx [--images DATA]
#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "caft/core/error.hpp"
#include "caft/core/safetensors.hpp"
#include "caft/extract/backbone.hpp"
#include "core/scratch_folder.hpp"
#include "graph/onnx_model.hpp"
#include "onnxruntime_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "plan_options.hpp"
#include "validate_images.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

namespace fs = std::filesystem;

struct ValidateVerb {
  BackboneFlags backbone;
  PlanFlags plan;
  ForeignPlanFlags foreign;
  std::vector<fs::path> images;
  std::string against, reference, mean, std;
  std::size_t limit = 1000;
  double atol = 0, rtol = 0, cosine = -1, top1 = -1;
  CLI::Option *atol_option = nullptr, *rtol_option = nullptr;
};

std::array<float, 3> three_numbers(const std::string& text, const std::string& option) {
  std::array<float, 3> values{};
  char rest = 0;
  if (std::sscanf(text.c_str(), "%f,%f,%f%c", &values[0], &values[1], &values[2], &rest) != 3) {
    throw Error(ErrorKind::usage, option + " " + text + " is not three numbers, as 0.5,0.5,0.5");
  }
  return values;
}

Preprocessing plain_preprocessing(const ValidateVerb& verb, const OnnxModel& model) {
  const std::vector<OnnxValue> inputs = model.inputs();
  if (inputs.size() != 1 || inputs[0].shape.size() != 4 || inputs[0].shape[1] != 3) {
    throw Error(ErrorKind::usage,
                model.file().string() + " has no single image input [batch, 3, height, width]");
  }
  Preprocessing spec;
  const int size = verb.backbone.image_size;
  spec.height = size > 0 ? size : static_cast<int>(inputs[0].shape[2]);
  spec.width = size > 0 ? size : static_cast<int>(inputs[0].shape[3]);
  if (spec.height < 1 || spec.width < 1) {
    throw Error(ErrorKind::usage, model.file().string() + " leaves its image size open",
                "give --image-size");
  }
  spec.resize = static_cast<int>(std::lround(std::min(spec.height, spec.width) * 256.0 / 224));
  if (verb.backbone.squash) spec.mode = ResizeMode::exact;
  spec.exif_orientation = verb.backbone.exif;
  if (!verb.mean.empty()) spec.mean = three_numbers(verb.mean, "--mean");
  if (!verb.std.empty()) spec.std = three_numbers(verb.std, "--std");
  return spec;
}

Subject open_plain(const ValidateVerb& verb, const BackboneOptions& options) {
  const fs::path file = verb.backbone.name;
  const OnnxModel model = OnnxModel::load(file);
  Subject subject;
  Backbone& backbone = subject.backbone;
  backbone.preprocessing = plain_preprocessing(verb, model);
  backbone.card.name = file.stem().string();
  backbone.card.onnx = file;
  backbone.card.input = model.inputs()[0].name;
  const Backend& maker =
      options.backend.empty() ? default_backend() : caft::backend(options.backend);
  backbone.backend = maker.name();
  const int batch = options.batch > 0 ? options.batch : 16;
  EngineConfig config{.onnx = file, .precision = options.precision, .batch = {1, batch, batch}};
  config.normalization = {backbone.preprocessing.mean, backbone.preprocessing.std};
  if (verb.backbone.image_size > 0) {
    config.image_size = {backbone.preprocessing.height, backbone.preprocessing.width};
  }
  config.threads = options.threads;
  config.plan = options.plan;
  backbone.engine = maker.build(config);
  subject.output = backbone.engine->outputs()[0].name;
  subject.top1 = backbone.engine->outputs()[0].shape.size() == 2 ? Top1::largest : Top1::nearest;
  return subject;
}

Subject open_subject(const ValidateVerb& verb) {
  BackboneOptions options = verb.backbone.resolve();
  verb.plan.apply(options);
  verb.foreign.apply(options.plan);
  if (fs::path(verb.backbone.name).extension() == ".onnx") return open_plain(verb, options);
  if (!verb.mean.empty() || !verb.std.empty()) {
    throw Error(ErrorKind::usage, "--mean and --std are for a plain ONNX file",
                "a backbone's are in its card");
  }
  Subject subject{.backbone = open_backbone(verb.backbone.name, options)};
  subject.output = subject.backbone.card.output;
  return subject;
}

std::vector<float> reference_rows(const ValidateVerb& verb, const Subject& subject,
                                  const fs::path& images, const fs::path& out) {
  const Backbone& backbone = subject.backbone;
  return onnxruntime_rows(
      {.onnx = verb.reference.empty() ? backbone.card.onnx : fs::path(verb.reference),
       .images = images,
       .out = out,
       .input = backbone.card.input,
       .output = subject.output,
       .spec = backbone.preprocessing,
       .threads = verb.backbone.engine.threads},
      ", or --against golden");
}

nlohmann::json thresholds_json(const AgreementThresholds& thresholds) {
  nlohmann::json json = {{"cosine", thresholds.cosine}, {"top1", thresholds.top1}};
  if (thresholds.tolerance) {
    json["atol"] = thresholds.tolerance->atol;
    json["rtol"] = thresholds.tolerance->rtol;
  }
  return json;
}

nlohmann::json report_json(const Subject& subject, const std::string& against,
                           const Agreement& agreement, const AgreementThresholds& thresholds) {
  const double scale = agreement.scale > 0 ? agreement.scale : 1;
  nlohmann::json json = {
      {"backbone", subject.backbone.card.name},
      {"backend", subject.backbone.backend},
      {"engine", subject.backbone.engine->description()},
      {"precision", to_string(subject.backbone.engine->precision())},
      {"against", against},
      {"output", subject.output},
      {"images", agreement.rows},
      {"max_abs", agreement.max_abs},
      {"mean_abs", agreement.mean_abs},
      {"scale", agreement.scale},
      {"max_rel", agreement.max_abs / scale},
      {"mean_rel", agreement.mean_abs / scale},
      {"cosine_min", agreement.cosine_min},
      {"cosine_mean", agreement.cosine_mean},
      {"top1_agreement", agreement.top1_agreement},
      {"top1_of", subject.top1 == Top1::largest ? "largest value" : "nearest row"},
      {"nan", agreement.nan},
      {"inf", agreement.inf},
      {"passed", passes(agreement, thresholds)},
      {"thresholds", thresholds_json(thresholds)}};
  if (thresholds.tolerance) json["beyond_tolerance"] = agreement.beyond_tolerance;
  return json;
}

void print_report(const nlohmann::json& json, const Agreement& agreement,
                  const AgreementThresholds& thresholds) {
  print_line(fmt::format("{} in {} on {}, against {}, {} images",
                         json["backbone"].get<std::string>(), json["precision"].get<std::string>(),
                         json["engine"].get<std::string>(), json["against"].get<std::string>(),
                         agreement.rows));
  const auto verdict = [](bool good) { return std::string(good ? "yes" : "NO"); };
  std::vector<std::vector<std::string>> rows{{"measure", "value", "needed", "reached"}};
  rows.push_back({"cosine, least", fmt::format("{:.6f}", agreement.cosine_min),
                  fmt::format("{}", thresholds.cosine),
                  verdict(agreement.cosine_min >= thresholds.cosine)});
  rows.push_back({"cosine, mean", fmt::format("{:.6f}", agreement.cosine_mean), "", ""});
  rows.push_back({fmt::format("top-1 ({})", json["top1_of"].get<std::string>()),
                  fmt::format("{:.4f}", agreement.top1_agreement),
                  fmt::format("{}", thresholds.top1),
                  verdict(agreement.top1_agreement >= thresholds.top1)});
  rows.push_back({"largest difference",
                  fmt::format("{:.3g} ({:.2g} of the scale)", agreement.max_abs,
                              json["max_rel"].get<double>()),
                  "", ""});
  rows.push_back({"mean difference",
                  fmt::format("{:.3g} ({:.2g} of the scale)", agreement.mean_abs,
                              json["mean_rel"].get<double>()),
                  "", ""});
  if (thresholds.tolerance) {
    rows.push_back({"values beyond tolerance", std::to_string(agreement.beyond_tolerance), "0",
                    verdict(agreement.beyond_tolerance == 0)});
  }
  rows.push_back({"NaN, infinite", fmt::format("{}, {}", agreement.nan, agreement.inf), "0, 0",
                  verdict(agreement.nan == 0 && agreement.inf == 0)});
  print_table(rows);
  print_line(json["passed"].get<bool>() ? "passed" : "FAILED");
}

AgreementThresholds thresholds_of(const ValidateVerb& verb, const Subject& subject) {
  AgreementThresholds thresholds = default_thresholds(subject.backbone.engine->precision());
  if (verb.cosine >= 0) thresholds.cosine = verb.cosine;
  if (verb.top1 >= 0) thresholds.top1 = verb.top1;
  if (verb.atol_option->count() + verb.rtol_option->count() > 0) {
    thresholds.tolerance = {verb.atol, verb.rtol};
  }
  return thresholds;
}

void run_validate(const ValidateVerb& verb, const Session& session) {
  const bool plain = fs::path(verb.backbone.name).extension() == ".onnx";
  const std::string against = !verb.against.empty()           ? verb.against
                              : verb.images.empty() && !plain ? "golden"
                                                              : "onnxruntime";
  if (against == "golden" && !verb.images.empty()) {
    throw Error(ErrorKind::usage, "--against golden compares on the card's own sample",
                "leave --images out, or compare against onnxruntime");
  }
  if (against == "golden" && !verb.reference.empty()) {
    throw Error(ErrorKind::usage, "--reference is for --against onnxruntime");
  }
  if (plain && (against == "golden" || verb.images.empty())) {
    throw Error(ErrorKind::usage, "a plain ONNX file has no golden sample", "give --images");
  }
  const Subject subject = open_subject(verb);
  EngineRows engine(subject);
  const ScratchFolder scratch;
  std::vector<float> expected;
  std::size_t rows = 0;
  if (verb.images.empty()) {
    const SafeTensorsFile golden = SafeTensorsFile::open(subject.backbone.card.golden);
    run_golden(subject, golden, engine);
    rows = golden.tensor("images").shape[0];
    expected = against == "golden" ? golden.read_f32("features")
                                   : reference_rows(verb, subject, subject.backbone.card.golden,
                                                    scratch / "outputs.safetensors");
  } else {
    const std::vector<ImageSource> sources = choose_images(verb.images, verb.limit);
    rows = sources.size();
    const fs::path pixels = scratch / "images.safetensors";
    run_images(sources, subject, pixels, engine);
    expected = reference_rows(verb, subject, pixels, scratch / "outputs.safetensors");
  }
  const AgreementThresholds thresholds = thresholds_of(verb, subject);
  const Agreement agreement =
      compare_outputs(engine.values, expected, rows, subject.top1, thresholds.tolerance);
  const nlohmann::json json = report_json(subject, against, agreement, thresholds);
  if (session.json) {
    print_json(json);
  } else {
    print_report(json, agreement, thresholds);
  }
  if (!json["passed"].get<bool>()) {
    throw Error(
        ErrorKind::mismatch,
        fmt::format("{} in {} on {} does not agree with {}", json["backbone"].get<std::string>(),
                    json["precision"].get<std::string>(), json["backend"].get<std::string>(),
                    against == "golden" ? "its golden sample" : "ONNX Runtime in fp32"),
        "the report says where; build it again or in a higher precision");
  }
}

}  // namespace

void add_validate(CLI::App& app, Session& session) {
  CLI::App* sub =
      app.add_subcommand("validate", "Compare an engine's outputs with ONNX Runtime's in fp32");
  auto verb = std::make_shared<ValidateVerb>();
  sub->add_option("--images", verb->images,
                  "Images or folders to compare on (default: the golden sample)");
  sub->add_option("--limit", verb->limit, "At most so many of them, evenly spread; 0: all")
      ->capture_default_str();
  sub->add_option("--against", verb->against,
                  "onnxruntime (default with --images) or golden (PyTorch's features in the card)")
      ->check(CLI::IsMember({"onnxruntime", "golden"}));
  sub->add_option("--reference", verb->reference,
                  "ONNX file that ONNX Runtime runs (default: the engine's own); for a quantised "
                  "backbone, the one it was made from")
      ->check(CLI::ExistingFile);
  verb->atol_option =
      sub->add_option("--atol", verb->atol, "Every value must be within atol + rtol * |reference|");
  verb->rtol_option = sub->add_option("--rtol", verb->rtol, "See --atol");
  sub->add_option("--cosine", verb->cosine, "Least cosine of a row (default: by precision)")
      ->check(CLI::Range(0.0, 1.0));
  sub->add_option("--top1", verb->top1, "Least share of rows that agree (default: by precision)")
      ->check(CLI::Range(0.0, 1.0));
  sub->add_option("--mean", verb->mean, "Of a plain ONNX file: R,G,B (default: ImageNet's)");
  sub->add_option("--std", verb->std, "Of a plain ONNX file: R,G,B (default: ImageNet's)");
  verb->plan.add_to(*sub);
  verb->foreign.add_to(*sub);
  verb->backbone.add_to(*sub);
  sub->add_option("name", verb->backbone.name,
                  "Backbone: a name from caft zoo list, a card.json, or an ONNX file");
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_validate(*verb, session); }; });
}

}  // namespace caft::cli
