// caft cache DATA, caft cache verify CACHE, caft cache repair CACHE
#include <fmt/format.h>

#include "caft/cache/repair.hpp"
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

nlohmann::json faults_json(const std::vector<CacheFault>& faults) {
  nlohmann::json list = nlohmann::json::array();
  for (const CacheFault& fault : faults)
    list.push_back({{"file", fault.file.string()}, {"fault", fault.what}});
  return list;
}

void run_verify(const std::string& folder, const Session& session) {
  const Cache cache = Cache::open(folder);
  const CacheStats stats = cache.stats();
  const std::vector<CacheFault> faults = cache.verify();
  if (session.json) {
    print_json({{"cache", folder},
                {"rows", stats.rows},
                {"shards", stats.shards},
                {"bytes", stats.bytes},
                {"faults", faults_json(faults)}});
  } else {
    for (const CacheFault& fault : faults) {
      print_line(fmt::format("{}: {}", fault.file.string(), fault.what));
    }
    print_line(fmt::format("{} rows in {} shards, {} bytes: {}", stats.rows, stats.shards,
                           stats.bytes, faults.empty() ? "sound" : "DAMAGED"));
  }
  if (!faults.empty()) {
    throw Error(ErrorKind::mismatch, fmt::format("{}: {} faults found", folder, faults.size()),
                "run `caft cache repair`, then `caft cache`: lost rows are computed anew");
  }
}

void run_repair(const std::string& folder, const Session& session) {
  const CacheRepair repair = repair_cache(folder);
  if (session.json)
    return print_json({{"cache", folder},
                       {"rows_kept", repair.rows_kept},
                       {"shards_kept", repair.shards_kept},
                       {"rows_adopted", repair.rows_adopted},
                       {"rows_gone", repair.rows_gone},
                       {"uncounted_shards", repair.uncounted},
                       {"missing", repair.missing},
                       {"new_index", repair.new_index},
                       {"quarantined", faults_json(repair.quarantined)}});
  for (const CacheFault& fault : repair.quarantined)
    print_line(fmt::format("{}: {}", fault.file.string(), fault.what));
  for (const std::string& name : repair.missing)
    print_line(fmt::format("shard {} has no file", name));
  if (repair.new_index) print_line("the index was made again from the shards");
  print_line(fmt::format(
      "{} rows in {} shards are sound; {} rows are gone{}", repair.rows_kept, repair.shards_kept,
      repair.rows_gone,
      repair.uncounted == 0
          ? ""
          : fmt::format(", and those of {} shards that cannot be read", repair.uncounted)));
  if (repair.rows_gone + repair.uncounted > 0)
    print_line("`caft cache DATA` computes them again, and no others");
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

  CLI::App* repair = sub->add_subcommand(
      "repair", "Move damaged shards to CACHE/quarantine and rebuild the index");
  repair->add_option("cache", *folder, "Cache folder")->required();
  repair->callback([&session, folder] {
    session.action = [&session, folder] { run_repair(*folder, session); };
  });

  sub->callback([&session, verb, data, verify, repair] {
    if (verify->parsed() || repair->parsed()) return;
    if (data->empty()) throw CLI::RequiredError("data");
    session.action = [&session, verb] { run_cache(*verb, session); };
  });
}

}  // namespace caft::cli
