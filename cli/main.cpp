// caft: adapts pretrained vision backbones by training heads on cached activations.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "caft/core/error.hpp"
#include "caft/core/version.hpp"
#include "core/log.hpp"
#include "verbs.hpp"

namespace {

/// One line, whatever a library put into its message.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

int fail(const std::string& message, int code) {
  std::fprintf(stderr, "error: %s\n", one_line(message).c_str());
  return code;
}

/// Returns the exit code. Throws only what making the options throws: out of memory.
int run(int argc, char** argv) {
  caft::cli::Session session;
  CLI::App app(
      "Cached-activation fine-tuning: train image classifiers on cached features of frozen "
      "backbones.",
      "caft");
  app.set_version_flag("--version", std::string(caft::version()));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_flag("--json", session.json, "Print one JSON document on stdout");
  app.add_flag("-v,--verbose", session.verbose, "Log more");
  app.set_config("--config", "", "Read options from a TOML file, a section a verb: [train]");
  caft::cli::add_zoo(app, session);
  caft::cli::add_cache(app, session);
  caft::cli::add_train(app, session);
  caft::cli::add_sweep(app, session);
  caft::cli::add_audit(app, session);
  caft::cli::add_curve(app, session);
  caft::cli::add_search(app, session);
  caft::cli::add_eval(app, session);
  caft::cli::add_predict(app, session);
  caft::cli::add_export(app, session);
  caft::cli::add_serve(app, session);
  caft::cli::add_build(app, session);
  caft::cli::add_inspect(app, session);
  caft::cli::add_bench(app, session);
  caft::cli::add_profile(app, session);
  caft::cli::add_validate(app, session);
  caft::cli::add_doctor(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help, --version
  } catch (const CLI::ParseError& error) {
    return fail(std::string(error.what()) + " (see caft --help)", 2);
  }
  caft::set_log_level(session.verbose ? caft::LogLevel::debug : caft::LogLevel::info);
  try {
    session.action();
    return 0;
  } catch (const caft::Error& error) {
    return fail(error.what(), error.kind() == caft::ErrorKind::usage ? 2 : 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (...) {
    std::fputs("error: out of memory\n", stderr);
    return 1;
  }
}
