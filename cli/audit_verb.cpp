// caft audit DATA, caft relabel DATA AUDIT.jsonl
#include <fmt/format.h>

#include <map>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/lab/audit.hpp"
#include "caft/lab/relabel.hpp"
#include "caft/report/report.hpp"
#include "caft/report/report_data.hpp"
#include "lab_input.hpp"
#include "model/gather.hpp"
#include "output.hpp"
#include "report/thumbnail.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct AuditVerb {
  LabFlags input;
  lab::AuditOptions options;
  std::string out, html;
  bool jsonl = false, ranking = false;
};

/// The findings with what they are about.
struct Findings {
  const LabInput& input;
  const Gathered& gathered;
  const lab::Audit& audit;

  [[nodiscard]] const Sample& sample(std::size_t place) const {
    return input.dataset.samples[gathered.samples[place]];
  }
  [[nodiscard]] nlohmann::json label(std::size_t place) const {
    const std::vector<std::int32_t>& labels = sample(place).labels;
    if (!input.dataset.multi_label) return class_name(labels.front());
    nlohmann::json names = nlohmann::json::array();
    for (const std::int32_t label : labels) names.push_back(class_name(label));
    return names;
  }
  [[nodiscard]] const std::string& class_name(std::int32_t index) const {
    return input.dataset.classes[static_cast<std::size_t>(index)];
  }
  [[nodiscard]] nlohmann::json line(std::string_view kind, std::size_t place, double score,
                                    const nlohmann::json& suggested) const {
    return {{"path", sample(place).source.display_name()},
            {"kind", kind},
            {"score", score},
            {"label", label(place)},
            {"suggested", suggested}};
  }
};

/// What relabel does with a finding that a person leaves in the file.
nlohmann::json suggestion(const Findings& f, const lab::Finding& finding) {
  switch (finding.kind) {
    case lab::FindingKind::label_error:
      return f.class_name(finding.suggested);
    case lab::FindingKind::exact_duplicate:
    case lab::FindingKind::near_duplicate:
    case lab::FindingKind::leakage:
      return "drop";
    case lab::FindingKind::outlier:
      break;
  }
  return nullptr;
}

std::vector<nlohmann::json> lines_of(const Findings& f, bool ranking) {
  std::vector<nlohmann::json> lines;
  if (ranking) {
    const lab::LabelErrors& labels = f.audit.labels;
    for (const std::uint32_t i : f.audit.ranking) {
      const bool wrong = labels.suggested[i] >= 0;
      lines.push_back(
          f.line(wrong ? "label_error" : "label", i, 1 - labels.quality[i],
                 wrong ? nlohmann::json(f.class_name(labels.suggested[i])) : nlohmann::json()));
    }
  }
  for (const lab::Finding& finding : f.audit.findings) {
    if (ranking && finding.kind == lab::FindingKind::label_error) continue;
    lines.push_back(
        f.line(to_string(finding.kind), finding.sample, finding.score, suggestion(f, finding)));
    if (finding.other >= 0) {
      lines.back()["other"] =
          f.sample(static_cast<std::size_t>(finding.other)).source.display_name();
    }
  }
  return lines;
}

std::string jsonl_text(const nlohmann::json& line) {
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

nlohmann::json summary_of(const Findings& f, double seconds) {
  nlohmann::json counts = {{"label_error", 0},
                           {"exact_duplicate", 0},
                           {"near_duplicate", 0},
                           {"leakage", 0},
                           {"outlier", 0}};
  for (const lab::Finding& finding : f.audit.findings) {
    nlohmann::json& count = counts[std::string(to_string(finding.kind))];
    count = count.get<int>() + 1;
  }
  nlohmann::json overlaps = nlohmann::json::array();
  for (const lab::ClassOverlap& pair : f.audit.overlaps) {
    overlaps.push_back({{"first", f.class_name(pair.first)},
                        {"second", f.class_name(pair.second)},
                        {"share", pair.share}});
  }
  return {{"samples", f.gathered.train.size()},
          {"counts", counts},
          {"overlaps", overlaps},
          {"out_of_fold_accuracy", f.audit.out_of_fold_accuracy},
          {"seconds", seconds},
          {"seconds_labels", f.audit.seconds_labels},
          {"seconds_neighbors", f.audit.seconds_neighbors}};
}

/// The surest findings of each kind, with thumbnails.
nlohmann::json report_section(const Findings& f, const nlohmann::json& summary) {
  constexpr int kMostOfAKind = 24, kSide = 120;
  nlohmann::json section = summary;
  section["findings"] = nlohmann::json::array();
  std::map<lab::FindingKind, int> shown;
  for (const lab::Finding& finding : f.audit.findings) {
    if (++shown[finding.kind] > kMostOfAKind) continue;
    nlohmann::json line = f.line(to_string(finding.kind), finding.sample, finding.score, nullptr);
    if (finding.suggested >= 0) line["suggested"] = f.class_name(finding.suggested);
    line["thumbnail"] = report::thumbnail_uri(f.sample(finding.sample).source, kSide);
    if (finding.other >= 0) {
      const ImageSource& other = f.sample(static_cast<std::size_t>(finding.other)).source;
      line["other"] = other.display_name();
      line["other_thumbnail"] = report::thumbnail_uri(other, kSide);
    }
    section["findings"].push_back(std::move(line));
  }
  return section;
}

void print_summary(const AuditVerb& verb, const nlohmann::json& summary,
                   const std::vector<nlohmann::json>& lines) {
  constexpr std::size_t kShown = 20;
  std::vector<std::vector<std::string>> rows{{"kind", "score", "image", "label", "suggested"}};
  for (const nlohmann::json& line : lines) {
    if (rows.size() > kShown) break;
    const nlohmann::json& suggested = line.at("suggested");
    const nlohmann::json& label = line.at("label");
    rows.push_back({line.at("kind"), fmt::format("{:.3f}", line.at("score").get<double>()),
                    line.at("path"), label.is_string() ? label.get<std::string>() : label.dump(),
                    suggested.is_string() ? suggested.get<std::string>() : ""});
  }
  if (rows.size() > 1) print_table(rows);
  const nlohmann::json& c = summary.at("counts");
  print_line(fmt::format(
      "{} images in {:.1f} s: {} likely label errors, {} exact and {} near "
      "duplicates, {} leaks between splits, {} outliers",
      summary.at("samples").get<std::size_t>(), summary.at("seconds").get<double>(),
      c.at("label_error").get<int>(), c.at("exact_duplicate").get<int>(),
      c.at("near_duplicate").get<int>(), c.at("leakage").get<int>(), c.at("outlier").get<int>()));
  if (!summary.at("overlaps").empty()) {
    const nlohmann::json& worst = summary.at("overlaps").front();
    print_line(fmt::format(
        "most overlap: {} and {} ({:.1f} % of the images)", worst.at("first").get<std::string>(),
        worst.at("second").get<std::string>(), 100 * worst.at("share").get<double>()));
  }
  if (!verb.out.empty()) {
    print_line(
        fmt::format("findings: {}    look through it, remove what you disagree with, then: "
                    "caft relabel {} {}",
                    verb.out, verb.input.data, verb.out));
  }
  if (!verb.html.empty()) print_line("report: " + verb.html);
}

void run_audit(const AuditVerb& verb, const Session& session) {
  ConsoleProgress progress;
  const LabInput input = verb.input.open(progress, false);
  const Gathered gathered = gather(input.dataset, input.cached, GatherPart::everything);
  std::vector<SampleKey> keys;
  std::vector<Split> splits;
  for (const std::size_t i : gathered.samples) {
    keys.push_back(*input.cached.keys[i]);
    splits.push_back(input.dataset.samples[i].split);
  }
  lab::AuditOptions options = verb.options;
  options.threads = verb.input.backbone.engine.threads;
  const lab::Audit found = lab::audit(gathered.training_data(), keys, splits, options, &progress);
  progress.finish();
  const Findings findings{input, gathered, found};
  const std::vector<nlohmann::json> lines = lines_of(findings, verb.ranking);
  nlohmann::json summary = summary_of(findings, found.seconds_labels + found.seconds_neighbors);
  std::string text;
  for (const nlohmann::json& line : lines) text += jsonl_text(line);
  if (!verb.out.empty()) write_file_atomically(verb.out, text);
  if (!verb.html.empty()) {
    nlohmann::json report = {{"title", input.dataset.name}};
    report["dataset"] = dataset_section(input.dataset, verb.input.data, input.cached.bad);
    report["backbone"] = backbone_section(input.backbone);
    report["cache"] = cache_json(input.cached, input.backbone);
    report["audit"] = report_section(findings, summary);
    write_report(verb.html, report);
  }
  if (session.json) {
    summary["findings"] = lines;
    return print_json(summary);
  }
  if (verb.jsonl) {
    text.pop_back();
    return print_line(text);
  }
  print_summary(verb, summary, lines);
}

struct RelabelVerb {
  std::string data, audit, out;
};

/// Beside the images: a folder of class folders holds it, a manifest lies next to it.
std::filesystem::path default_manifest(const std::filesystem::path& data) {
  if (std::filesystem::is_directory(data)) return data / "relabelled.jsonl";
  return data.parent_path() / (data.stem().string() + ".relabelled.jsonl");
}

void run_relabel(const RelabelVerb& verb, const Session& session) {
  const std::filesystem::path out =
      verb.out.empty() ? default_manifest(verb.data) : std::filesystem::path(verb.out);
  const lab::RelabelResult result =
      lab::relabel(open_dataset(verb.data), lab::read_corrections(verb.audit), out);
  if (session.json) {
    return print_json({{"manifest", out.string()},
                       {"relabelled", result.relabelled},
                       {"dropped", result.dropped},
                       {"written", result.written}});
  }
  print_line(fmt::format("{}: {} images, {} relabelled, {} left out; no image was touched",
                         out.string(), result.written, result.relabelled, result.dropped));
  print_line(fmt::format("train on it: caft train {}", out.string()));
}

}  // namespace

void add_audit(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand(
      "audit", "Find label errors, duplicates, leakage and outliers in a data set");
  auto verb = std::make_shared<AuditVerb>();
  verb->input.add_to(*sub);
  sub->add_option("-o,--out", verb->out, "JSONL file of the findings, for caft relabel");
  sub->add_option("--html", verb->html, "HTML report with thumbnails");
  sub->add_flag("--jsonl", verb->jsonl, "Print one finding a line");
  sub->add_flag("--ranking", verb->ranking,
                "List every image's label, most suspicious first, not only likely errors");
  sub->add_option("--folds", verb->options.folds, "Folds of the out-of-fold predictions")
      ->check(CLI::Range(2, 100))
      ->capture_default_str();
  sub->add_option("--neighbors", verb->options.neighbors,
                  "Neighbours whose mean distance makes an outlier")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->add_option("--near-duplicate", verb->options.near_duplicate,
                  "Near duplicates: share of the median distance to the nearest neighbour")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  sub->add_option("--seed", verb->options.seed, "Seed of the folds")->capture_default_str();
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_audit(*verb, session); }; });

  CLI::App* apply =
      app.add_subcommand("relabel", "Apply an audit to a new manifest; images are never touched");
  auto relabel = std::make_shared<RelabelVerb>();
  apply->add_option("data", relabel->data, "The data set that was audited")->required();
  apply->add_option("audit", relabel->audit, "JSONL from caft audit --out")->required();
  apply->add_option("-o,--out", relabel->out,
                    "Manifest to write, in a folder above the images (default: beside them)");
  apply->callback([&session, relabel] {
    session.action = [&session, relabel] { run_relabel(*relabel, session); };
  });
}

}  // namespace caft::cli
