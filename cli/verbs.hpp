// The verbs. Each adds its subcommand; parsing only fills in options, and the action it leaves
// behind runs afterwards.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace caft::cli {

/// What every verb shares.
struct Session {
  bool json = false;  ///< --json: one document on stdout
  bool verbose = false;
  std::function<void()> action;  ///< set by the verb that was called
};

void add_zoo(CLI::App& app, Session& session);
/// zoo cuts
void add_zoo_cuts(CLI::App& zoo, Session& session);
void add_cache(CLI::App& app, Session& session);
void add_train(CLI::App& app, Session& session);
void add_sweep(CLI::App& app, Session& session);
/// audit and relabel
void add_audit(CLI::App& app, Session& session);
void add_curve(CLI::App& app, Session& session);
void add_search(CLI::App& app, Session& session);
void add_eval(CLI::App& app, Session& session);
void add_predict(CLI::App& app, Session& session);
void add_export(CLI::App& app, Session& session);
void add_serve(CLI::App& app, Session& session);
void add_bench(CLI::App& app, Session& session);
void add_build(CLI::App& app, Session& session);
void add_inspect(CLI::App& app, Session& session);
void add_profile(CLI::App& app, Session& session);
void add_validate(CLI::App& app, Session& session);
void add_doctor(CLI::App& app, Session& session);

}  // namespace caft::cli
