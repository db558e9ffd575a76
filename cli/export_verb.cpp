// caft export MODEL
#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/hash.hpp"
#include "caft/head/metrics.hpp"
#include "caft/model/export.hpp"
#include "caft/model/predictor.hpp"
#include "core/scratch_folder.hpp"
#include "export_check.hpp"
#include "model/scoring.hpp"
#include "model_card.hpp"
#include "onnxruntime_rows.hpp"
#include "options.hpp"
#include "output.hpp"
#include "scored_data.hpp"
#include "validate_images.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

namespace fs = std::filesystem;

struct ExportVerb {
  std::string model, out, data, split, card, backend, precision = "fp32";
  bool uint8 = false;
  double max_drop = 0.01;
  int threads = 0;
  CacheFlags cache;
};

ReplayReference make_reference(const Model& model, const Backbone& backbone,
                               const ScoredData& data) {
  ReplayReference reference;
  reference.evaluation = evaluate_model(model, data.dataset, data.cached, data.samples);
  reference.precision = backbone.engine->precision();
  const std::vector<std::int32_t> mapping = class_mapping(model, data.dataset);
  std::vector<std::size_t> readable;
  for (const std::size_t i : data.samples) {
    if (!data.cached.keys[i]) continue;
    const Sample& sample = data.dataset.samples[i];
    readable.push_back(i);
    reference.sources.push_back(sample.source);
    std::vector<std::int32_t>& labels = reference.labels.emplace_back();
    for (const std::int32_t label : sample.labels)
      labels.push_back(mapping[static_cast<std::size_t>(label)]);
  }
  reference.probabilities = cached_logits(model, data.cached, readable);
  if (model.multi_label) {
    sigmoid_all(reference.probabilities, model.temperature);
  } else {
    softmax_rows(reference.probabilities, model.classes.size(), model.temperature);
  }
  return reference;
}

/// The less exact of the two: what may be expected of their agreement.
Precision coarser(Precision a, Precision b) {
  const auto rank = [](Precision p) {
    return p == Precision::int8 ? 3 : p == Precision::bf16 ? 2 : p == Precision::fp16 ? 1 : 0;
  };
  return rank(a) > rank(b) ? a : b;
}

/// The exported file's probabilities of the reference's images, in the engine. Leaves the images in
/// `pixels`.
std::vector<float> engine_replay(const Subject& subject, const Model& model,
                                 const ReplayReference& reference, const fs::path& pixels) {
  EngineRows engine(subject);
  run_images(reference.sources, subject, pixels, engine);
  std::vector<float> probabilities;
  const std::size_t dim = model.head.inputs();
  for (std::size_t at = 0; at < engine.values.size(); at += dim) {
    const std::vector<float> row =
        row_probabilities(model, std::span(engine.values).subspan(at, dim));
    probabilities.insert(probabilities.end(), row.begin(), row.end());
  }
  return probabilities;
}

/// Runs the images through `file` in the engine, in the arithmetic that the model was validated in,
/// and in ONNX Runtime, in the file's own. Throws Error(mismatch) where one of them does not say
/// what the model says in that arithmetic, or is less accurate than the model was.
nlohmann::json replay(const ExportVerb& verb, const Model& model, const ReplayReference& validated,
                      const fs::path& file, const ScratchFolder& scratch) {
  const Model exported = load_exported(file);
  const auto open = [&](std::optional<Precision> precision) {
    Subject subject{
        .backbone = open_model_backbone(
            exported, {.backend = verb.backend, .precision = precision, .threads = verb.threads})};
    subject.output = subject.backbone.card.output;
    return subject;
  };
  const Precision graph = precision_from_string(verb.precision);
  const fs::path pixels = scratch / "images.safetensors";
  nlohmann::json replays = nlohmann::json::array();
  std::string problem;
  const auto check = [&](const std::string& runtime, std::span<const float> reference,
                         std::span<const float> rows, Precision precision) {
    replays.push_back(check_replay(runtime, validated, reference, model, rows,
                                   {.precision = precision, .max_accuracy_drop = verb.max_drop},
                                   problem));
  };
  std::string input;
  {
    const Subject subject = open(std::nullopt);
    const Engine& engine = *subject.backbone.engine;
    input = subject.backbone.card.input;
    check(engine.description(), validated.probabilities,
          engine_replay(subject, exported, validated, pixels),
          coarser(graph, coarser(validated.precision, engine.precision())));
  }
  std::vector<float> single = validated.probabilities;
  if (validated.precision != Precision::fp32 && validated.precision != Precision::int8)
    single = engine_replay(open(Precision::fp32), exported, validated, pixels);
  const std::vector<float> child = onnxruntime_rows({.onnx = file,
                                                     .images = pixels,
                                                     .out = scratch / "outputs.safetensors",
                                                     .input = input,
                                                     .output = "probabilities",
                                                     .spec = model.preprocessing,
                                                     .uint8 = verb.uint8,
                                                     .threads = verb.threads},
                                                    "");
  check("ONNX Runtime", single, child,
        validated.precision == Precision::int8 ? Precision::int8 : graph);
  if (!problem.empty()) {
    throw Error(ErrorKind::mismatch, problem + ", so it was not written",
                verb.precision == "fp32"
                    ? "train the model in fp32 (--precision fp32) and export it again"
                    : "export it with --precision fp32");
  }
  return replays;
}

void run_export(const ExportVerb& verb, const Session& session) {
  const Model model = Model::load(verb.model);
  const fs::path out = verb.out.empty() ? fs::path(verb.model) / "model.onnx" : fs::path(verb.out);
  if (out.extension() != ".onnx")
    throw Error(ErrorKind::usage, "--out " + out.string() + " does not end in .onnx");
  const std::string path = verb.data.empty() ? model.data.value("path", "") : verb.data;
  if (path.empty() || !fs::exists(path)) {
    throw Error(ErrorKind::not_found,
                "the images that the file is checked on are not there: " + path,
                "name labelled ones with --data");
  }
  const Backbone backbone = open_model_backbone(
      model, {.backend = verb.backend, .card = verb.card, .threads = verb.threads});
  const ScoredData data = load_scored_data(model, backbone, path, verb.split, verb.cache, true);
  const ReplayReference reference = make_reference(model, backbone, data);

  const std::string bytes =
      export_onnx(model, backbone.card, {.half = verb.precision == "fp16", .uint8 = verb.uint8});
  const ScratchFolder scratch;
  const fs::path trial = scratch / "model.onnx";
  write_file_atomically(trial, bytes);
  const nlohmann::json replays = replay(verb, model, reference, trial, scratch);

  const Preprocessing& spec = model.preprocessing;
  const nlohmann::json card = model_card(
      {.model = model,
       .card = backbone.card,
       .evaluation = reference.evaluation,
       .file = out.filename().string(),
       .sha256 = sha256(std::as_bytes(std::span(bytes))),
       .input = verb.uint8 ? fmt::format("u8 [batch, {}, {}, 3] RGB", spec.height, spec.width)
                           : fmt::format("f32 [batch, 3, {}, {}] RGB, normalised", spec.height,
                                         spec.width),
       .precision = verb.precision,
       .replays = replays});
  if (out.has_parent_path()) fs::create_directories(out.parent_path());
  const fs::path stem = out.parent_path() / out.stem();
  write_file_atomically(out, bytes);
  write_file_atomically(stem.string() + ".card.json", card.dump(2) + "\n");
  write_file_atomically(stem.string() + ".card.md", model_card_markdown(card));

  if (session.json) {
    return print_json({{"model", out.string()},
                       {"card", stem.string() + ".card.json"},
                       {"bytes", bytes.size()},
                       {"sha256", card.at("sha256")},
                       {"input", card.at("input")},
                       {"precision", verb.precision},
                       {"accuracy", reference.evaluation.metrics.accuracy},
                       {"replays", replays}});
  }
  std::vector<std::vector<std::string>> rows{
      {"runtime", "agrees", "accuracy", "largest difference"}};
  for (const nlohmann::json& one : replays) {
    const auto counted = one.at("counted").get<std::size_t>();
    rows.push_back(
        {one.at("runtime").get<std::string>(),
         fmt::format("{} of {}", counted - one.at("disagreeing").get<std::size_t>(), counted),
         fmt::format("{:.4f}", one.at("accuracy").get<double>()),
         fmt::format("{:.2g}", one.at("max_difference").get<double>())});
  }
  print_table(rows);
  print_line(fmt::format("{} ({:.1f} MB) takes {}; its card: {}.card.md", out.string(),
                         static_cast<double>(bytes.size()) / 1e6,
                         card.at("input").get<std::string>(), stem.string()));
}

}  // namespace

void add_export(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand(
      "export", "Write a model as one ONNX file, proved on its validation images");
  auto verb = std::make_shared<ExportVerb>();
  sub->add_option("model", verb->model, "Model folder")->required();
  sub->add_option("-o,--out", verb->out, "The file (default: model.onnx in the model folder)");
  sub->add_option("--precision", verb->precision, "Arithmetic of the graph")
      ->check(CLI::IsMember({"fp32", "fp16"}))
      ->capture_default_str();
  sub->add_flag("--uint8", verb->uint8, "Take u8 [batch, height, width, 3] and normalise inside");
  sub->add_option("--data", verb->data,
                  "Labelled images to check it on (default: those of training, held out)");
  sub->add_option("--split", verb->split, "test, val, train or all (default: what was held out)")
      ->check(CLI::IsMember({"test", "val", "train", "all"}));
  sub->add_option("--max-drop", verb->max_drop, "How much accuracy the file may lose")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sub->add_option("--card", verb->card, "The backbone's card.json, if it was moved");
  sub->add_option("--backend", verb->backend, "Inference backend (default: the model's)");
  sub->add_option("--threads", verb->threads, "CPU threads (default: every core)")
      ->check(CLI::Range(0, 4096));
  verb->cache.add_to(*sub);
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_export(*verb, session); }; });
}

}  // namespace caft::cli
