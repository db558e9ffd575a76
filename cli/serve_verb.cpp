// caft serve MODEL…
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft/core/system_info.hpp"
#include "caft/model/export.hpp"
#include "core/log.hpp"
#include "options.hpp"
#include "output.hpp"
#include "plan_options.hpp"
#include "serve/server.hpp"
#include "verbs.hpp"

namespace caft::cli {
namespace {

struct ServeVerb {
  std::vector<std::string> models;
  std::string token_file, access_log;
  serve::Options options;
  double delay_ms = 1, drain_seconds = 30, timeout_seconds = 30;
  double max_body_mib = 32, max_all_bodies_mib = 512;
  EngineOptions engine;
  ForeignPlanFlags plan;
};

/// "NAME=PATH", or a path whose last part is the name.
serve::ServedModel open_served(const std::string& text) {
  namespace fs = std::filesystem;
  const std::size_t equals = text.find('=');
  const bool named = equals != std::string::npos && !fs::exists(text);
  const fs::path path = named ? text.substr(equals + 1) : text;
  std::string name =
      named ? text.substr(0, equals) : fs::absolute(path).lexically_normal().stem().string();
  if (!named && name.empty()) name = fs::absolute(path).lexically_normal().parent_path().filename();
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  if (name.empty() || !std::ranges::all_of(name, fits)) {
    throw Error(ErrorKind::usage, "'" + name + "' cannot be a model's name in an address",
                "name it of letters, digits, '-', '_' and '.': NAME=" + path.string());
  }
  return {.name = std::move(name), .model = open_model(path)};
}

/// From a file or the environment: arguments can be read by every user of the machine.
std::string find_token(const std::string& file) {
  std::string token;
  if (!file.empty()) {
    token = read_text(file, 1 << 16);
  } else if (const char* value = std::getenv("CAFT_TOKEN"); value != nullptr) {
    token = value;
  }
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty() && !file.empty())
    throw Error(ErrorKind::usage, "the token file " + file + " is empty");
  return token;
}

void run_serve(const ServeVerb& verb, const Session& session) {
  using namespace std::chrono;
  serve::Options options = verb.options;
  options.token = find_token(verb.token_file);
  options.access_log = verb.access_log;
  options.batch_delay = microseconds(static_cast<std::int64_t>(verb.delay_ms * 1000));
  options.drain = seconds(static_cast<std::int64_t>(verb.drain_seconds));
  const milliseconds timeout(static_cast<std::int64_t>(verb.timeout_seconds * 1000));
  options.limits.header_timeout = std::min(options.limits.header_timeout, timeout);
  options.limits.body_timeout = options.limits.write_timeout = timeout;
  options.limits.body_bytes = static_cast<std::size_t>(verb.max_body_mib * (1 << 20));
  options.limits.all_body_bytes = static_cast<std::size_t>(verb.max_all_bodies_mib * (1 << 20));
  if (options.limits.all_body_bytes < options.limits.body_bytes)
    throw Error(ErrorKind::usage, "--max-all-bodies-mib is below --max-body-mib");
  if (options.io_threads == 0) options.io_threads = std::clamp(usable_cores() / 4, 1, 8);
  PredictorOptions how{
      .backend = verb.engine.backend, .threads = verb.engine.threads, .batch = verb.engine.batch};
  if (!verb.engine.precision.empty()) how.precision = precision_from_string(verb.engine.precision);
  verb.plan.apply(how.plan);
  std::vector<serve::ServedModel> models;
  std::vector<std::string> names;
  for (const std::string& text : verb.models) {
    models.push_back(open_served(text));
    names.push_back(models.back().name);
  }
  auto queues = serve::open_queues(std::move(models), how, options);
  const std::size_t backbones = queues.size();
  options.ready = [&](std::uint16_t port) {
    const bool six = options.host.find(':') != std::string::npos;
    const std::string url =
        fmt::format("http://{}:{}/", six ? "[" + options.host + "]" : options.host, port);
    if (session.json) {
      print_json({{"url", url}, {"port", port}, {"models", names}, {"backbones", backbones}});
      std::fflush(stdout);
    }
    log_info("serving {} on {}", fmt::join(names, ", "), url);
  };
  serve::serve(std::move(queues), options);
}

}  // namespace

void add_serve(CLI::App& app, Session& session) {
  CLI::App* sub = app.add_subcommand("serve", "Answer HTTP requests with models");
  auto verb = std::make_shared<ServeVerb>();
  serve::Options& options = verb->options;
  options.io_threads = 0;
  sub->add_option("models", verb->models,
                  "Model folders or ONNX files by caft export; NAME=PATH names one")
      ->required();
  sub->add_option("--host", options.host, "Address to listen on: 0.0.0.0 for every one")
      ->capture_default_str();
  sub->add_option("--port", options.port, "Port; 0: any that is free")->capture_default_str();
  sub->add_option("--token-file", verb->token_file,
                  "File with the bearer token to ask for (default: $CAFT_TOKEN, or none)");
  sub->add_option("--access-log", verb->access_log, "File for a JSON line a request; -: stderr");
  sub->add_option("--batch-delay-ms", verb->delay_ms, "How long an image waits for others")
      ->check(CLI::Range(0.0, 10000.0))
      ->capture_default_str();
  sub->add_option("--max-queue", options.limits.queued_images,
                  "Images that may wait; beyond them: 503")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sub->add_option("--max-connections", options.limits.connections, "Clients at a time")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  sub->add_option("--max-body-mib", verb->max_body_mib, "Largest request")
      ->check(CLI::Range(0.001, 4096.0))
      ->capture_default_str();
  sub->add_option("--max-all-bodies-mib", verb->max_all_bodies_mib,
                  "Memory for all requests at a time")
      ->check(CLI::Range(0.001, 1048576.0))
      ->capture_default_str();
  sub->add_option("--max-pixels", options.limits.pixels, "Largest image that is decoded")
      ->capture_default_str();
  sub->add_option("--timeout-seconds", verb->timeout_seconds,
                  "How long a client may take to send a request or take its answer")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  sub->add_option("--drain-seconds", verb->drain_seconds, "How long SIGTERM waits for requests")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  sub->add_option("--io-threads", options.io_threads, "Threads for HTTP; 0: by the cores")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  verb->engine.add_to(*sub);
  verb->plan.add_to(*sub);
  sub->callback(
      [&session, verb] { session.action = [&session, verb] { run_serve(*verb, session); }; });
}

}  // namespace caft::cli
