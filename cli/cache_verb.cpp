// caft cache DATA, caft cache verify CACHE
#include <fmt/format.h>

#include "caft/core/error.hpp"
#include "options.hpp"
#include "output.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct CacheVerb {
  std::string data;
  BackboneFlags backbone;
  CacheFlags cache;
};

void run_cache(const CacheVerb& verb, const Session& session) {
  const Dataset dataset = open_dataset(verb.data);
  const Backbone backbone = open_backbone(verb.backbone.name, verb.backbone.resolve());
  ConsoleProgress progress;
  const CachedDataset cached = cache_dataset(dataset, backbone, verb.cache.resolve(&progress));
  warn_of_bad_files(cached);
  const nlohmann::json json = cache_json(cached, backbone);
  if (session.json) return print_json(json);
  print_line(fmt::format("{} images: {} computed, {} reused, {} unreadable", cached.keys.size(),
                         cached.computed, cached.reused, cached.bad.size()));
  print_line(fmt::format("{} in {} on {}: {:.1f} s, {:.1f} images/s", backbone.card.name,
                         json["precision"].get<std::string>(), backbone.engine->description(),
                         cached.seconds, json["images_per_second"].get<double>()));
  print_line(fmt::format("cache: {}", cached.cache.folder().string()));
}

void run_verify(const std::string& folder, const Session& session) {
  const Cache cache = Cache::open(folder);
  const CacheStats stats = cache.stats();
  const std::vector<CacheFault> faults = cache.verify();
  if (session.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const CacheFault& fault : faults) {
      list.push_back({{"file", fault.file.string()}, {"fault", fault.what}});
    }
    print_json({{"cache", folder},
                {"rows", stats.rows},
                {"shards", stats.shards},
                {"bytes", stats.bytes},
                {"faults", list}});
  } else {
    for (const CacheFault& fault : faults) {
      print_line(fmt::format("{}: {}", fault.file.string(), fault.what));
    }
    print_line(fmt::format("{} rows in {} shards, {} bytes: {}", stats.rows, stats.shards,
                           stats.bytes, faults.empty() ? "sound" : "DAMAGED"));
  }
  if (!faults.empty()) {
    throw Error(ErrorKind::mismatch, fmt::format("{}: {} faults found", folder, faults.size()),
                "delete the files named and run caft cache again: their rows are computed anew");
  }
}

}  // namespace

void add_cache(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("cache", "Compute and keep the features of a data set");
  auto verb = std::make_shared<CacheVerb>();
  CLI::Option* data = sub->add_option("data", verb->data, "Class folders, .csv, .jsonl, .tar");
  verb->backbone.add_to(*sub);
  verb->cache.add_to(*sub);

  CLI::App* verify = sub->add_subcommand("verify", "Check every byte of a cache");
  auto folder = std::make_shared<std::string>();
  verify->add_option("cache", *folder, "Cache folder")->required();
  verify->callback([&session, folder] {
    session.action = [&session, folder] { run_verify(*folder, session); };
  });

  sub->callback([&session, verb, data, verify] {
    if (verify->parsed()) return;
    if (data->empty()) throw CLI::RequiredError("data");
    session.action = [&session, verb] { run_cache(*verb, session); };
  });
}

}  // namespace caft::cli
