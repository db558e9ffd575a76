// caft search DATA --backbones A,B,C
#include <fmt/format.h>

#include <chrono>
#include <limits>

#include "caft/core/error.hpp"
#include "caft/extract/measure.hpp"
#include "caft/lab/search.hpp"
#include "caft/lab/sweep.hpp"
#include "lab_input.hpp"
#include "model/gather.hpp"
#include "output.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct SearchVerb {
  LabFlags input;
  std::vector<std::string> backbones;
  std::string budget;
  double measure_seconds = 1;
  lab::SweepGrid grid;
};

/// "90", "90s", "10min", "2h" in seconds; empty: no bound.
double seconds_of(const std::string& text) {
  if (text.empty()) return std::numeric_limits<double>::infinity();
  std::size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const std::string unit = text.substr(used);
  const double factor = unit.empty() || unit == "s"    ? 1
                        : unit == "m" || unit == "min" ? 60
                        : unit == "h"                  ? 3600
                                                       : 0;
  if (used == 0 || !(value > 0) || factor == 0) {
    throw Error(ErrorKind::usage, "--budget " + text + " is no time", "give 90s, 10min or 2h");
  }
  return value * factor;
}

/// The backbones asked for, or all of the store; the cheapest first.
std::vector<BackboneCard> cards_of(const SearchVerb& verb) {
  const Store store;
  std::vector<BackboneCard> cards;
  const std::vector<std::string> names = verb.backbones.empty() ? store.names() : verb.backbones;
  cards.reserve(names.size());
  for (const std::string& name : names) cards.push_back(store.find(name));
  if (cards.empty()) {
    throw Error(ErrorKind::not_found, "there is no backbone to search among",
                "get some with caft zoo export NAME");
  }
  std::ranges::stable_sort(cards, {}, &BackboneCard::params);
  return cards;
}

double size_mb(const BackboneCard& card) {
  auto bytes = static_cast<double>(std::filesystem::file_size(card.onnx));
  for (const auto& file : card.external_data) {
    bytes += static_cast<double>(std::filesystem::file_size(file));
  }
  return bytes / 1e6;
}

class Search {
 public:
  explicit Search(const SearchVerb& verb)
      : verb_(verb), budget_(seconds_of(verb.budget)), dataset_(open_dataset(verb.input.data)) {
    apply_hold_out(dataset_, verb.input.hold_out);
  }

  void run(const BackboneCard& card) {
    if (elapsed() >= budget_) return skip(card, "the budget is spent");
    const Backbone backbone = open_backbone(card.name, verb_.input.backbone.resolve());
    const EngineMeasurement speed = measure_engine(backbone, verb_.measure_seconds);
    const double caching =
        static_cast<double>(dataset_.samples.size()) / std::max(1e-3, speed.images_per_second);
    if (!contenders_.empty() && elapsed() + caching > budget_) {
      return skip(card, fmt::format("caching would take about {:.0f} s", caching));
    }
    CachedDataset cached = cache_dataset(dataset_, backbone, verb_.input.cache.resolve(&progress_));
    progress_.finish();
    const Gathered gathered = gather(dataset_, cached, GatherPart::learnable);
    const lab::SweepResult swept = lab::sweep(gathered.training_data(), verb_.grid, &progress_);
    progress_.finish();
    const lab::SweepHead& best = swept.heads.front();
    contenders_.push_back({.backbone = card.name,
                           .accuracy = best.spread,
                           .l2 = best.config.l2.front(),
                           .images_per_second = speed.images_per_second,
                           .latency_ms = speed.single_latency.p50,
                           .size_mb = size_mb(card)});
  }

  void print(bool as_json) {
    lab::mark_pareto(contenders_);
    std::ranges::stable_sort(contenders_, std::ranges::greater{},
                             [](const lab::Contender& c) { return c.accuracy.mean; });
    const lab::Recommendation advice = lab::recommend(contenders_);
    if (as_json) return print_json(json(advice));
    std::vector<std::vector<std::string>> rows{
        {"backbone", "accuracy", "95 % interval", "images/s", "latency ms", "MB", "Pareto"}};
    for (const lab::Contender& c : contenders_) {
      rows.push_back({c.backbone, fmt::format("{:.4f}", c.accuracy.mean),
                      fmt::format("{:.4f} to {:.4f}", c.accuracy.low, c.accuracy.high),
                      fmt::format("{:.1f}", c.images_per_second),
                      fmt::format("{:.2f}", c.latency_ms), fmt::format("{:.1f}", c.size_mb),
                      c.pareto ? "yes" : ""});
    }
    print_table(rows);
    for (const auto& [name, reason] : skipped_) {
      print_line(fmt::format("not tried: {} ({})", name, reason));
    }
    print_line(advice.sentence);
  }

 private:
  [[nodiscard]] double elapsed() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

  void skip(const BackboneCard& card, const std::string& reason) {
    skipped_.emplace_back(card.name, reason);
  }

  [[nodiscard]] nlohmann::json json(const lab::Recommendation& advice) const {
    nlohmann::json list = nlohmann::json::array(), skipped = nlohmann::json::array();
    for (const lab::Contender& c : contenders_) {
      list.push_back({{"backbone", c.backbone},
                      {"accuracy", c.accuracy.mean},
                      {"ci95", {c.accuracy.low, c.accuracy.high}},
                      {"l2", c.l2},
                      {"images_per_second", c.images_per_second},
                      {"latency_ms", c.latency_ms},
                      {"size_mb", c.size_mb},
                      {"pareto", c.pareto}});
    }
    for (const auto& [name, reason] : skipped_) {
      skipped.push_back({{"backbone", name}, {"reason", reason}});
    }
    return {{"backbones", list},
            {"skipped", skipped},
            {"recommended", advice.backbone},
            {"sentence", advice.sentence},
            {"seconds", elapsed()}};
  }

  const SearchVerb& verb_;
  double budget_;
  Dataset dataset_;
  ConsoleProgress progress_;
  Clock::time_point start_ = Clock::now();
  std::vector<lab::Contender> contenders_;
  std::vector<std::pair<std::string, std::string>> skipped_;
};

void run_search(SearchVerb verb, const Session& session) {
  verb.grid.shared.threads = verb.input.backbone.engine.threads;
  const std::vector<BackboneCard> cards = cards_of(verb);
  Search search(verb);
  for (const BackboneCard& card : cards) search.run(card);
  search.print(session.json);
}

}  // namespace

void add_search(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("search", "Find the backbone that suits a data set");
  auto verb = std::make_shared<SearchVerb>();
  verb->input.add_to(*sub);
  verb->input.add_hold_out_to(*sub);
  sub->remove_option(sub->get_option("--backbone"));
  sub->add_option("--backbones", verb->backbones,
                  "Backbones (default: all that were exported), the cheapest first")
      ->delimiter(',');
  sub->add_option("--budget", verb->budget,
                  "Time after which no further backbone is begun: 90s, 10min, 2h");
  sub->add_option("--measure", verb->measure_seconds, "Seconds that each engine is timed for")
      ->check(CLI::Range(0.05, 600.0))
      ->capture_default_str();
  sub->add_option("--folds", verb->grid.folds, "Folds of the cross-validation")
      ->check(CLI::Range(2, 100))
      ->capture_default_str();
  sub->add_option("--repeats", verb->grid.repeats, "Cross-validations, each with its own seed")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_search(*verb, session); }; });
}

}  // namespace caft::cli
