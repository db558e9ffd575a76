#include "serve/service.hpp"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include "caft/core/version.hpp"
#include "core/log.hpp"
#include "model/scoring.hpp"
#include "serve/inference_protocol.hpp"
#include "serve/page.hpp"

namespace caft::serve {
namespace {

namespace net = boost::asio;

void require_method(const Request& request, const char* method) {
  if (request.method != method)
    throw HttpError(405, request.path + " takes " + method + ", not " + request.method);
}

/// Waits for all of a request's images and hands their results on in order.
template <typename Handler>
struct Gathering {
  Gathering(std::size_t count, Handler handler)
      : results(count), left(count), resume(std::move(handler)) {}
  std::vector<ImageResult> results;
  std::atomic<std::size_t> left;
  Handler resume;
};

/// Three-part: 'name', 'models' and the rest of an address below /v2/models/.
std::pair<std::string, std::string> split_model_path(const std::string& rest) {
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string action = slash < rest.size() ? rest.substr(slash + 1) : std::string();
  // A version may be named; there is one.
  if (action == "versions/1") action.clear();
  if (action.starts_with("versions/1/")) action.erase(0, std::string_view("versions/1/").size());
  return {rest.substr(0, slash), action};
}

nlohmann::json top_json(const Model& model, const std::vector<float>& probabilities, int top) {
  nlohmann::json list = nlohmann::json::array();
  for (const ClassProbability& p : top_classes(probabilities, top)) {
    list.push_back({{"class", model.classes[static_cast<std::size_t>(p.index)]},
                    {"probability", p.probability}});
  }
  return list;
}

int parse_top(const Request& request) {
  const std::string text = request.parameter("top");
  if (text.empty()) return 5;
  if (text.size() > 6 || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) ||
      std::stoi(text) < 1)
    throw HttpError(400, "top is not a number of classes");
  return std::stoi(text);
}

}  // namespace

Service::Service(std::vector<std::unique_ptr<ImageQueue>> queues, const Options& options)
    : queues_(std::move(queues)), limits_(options.limits) {
  for (const auto& queue : queues_) {
    for (std::size_t i = 0; i < queue->models().size(); ++i) models_.push_back({queue.get(), i});
  }
}

bool Service::is_open(const std::string& path) {
  return path == "/v2/health/live" || path == "/v2/health/ready" || find_page(path) != nullptr;
}

const ModelPlace& Service::find(const std::string& name) const {
  const auto found = std::ranges::find_if(
      models_, [&](const ModelPlace& place) { return place.served().name == name; });
  if (found == models_.end())
    throw HttpError(404, "no model is called that; GET /v2/models lists them");
  return *found;
}

net::awaitable<Reply> Service::answer(Request request) {
  try {
    co_return co_await route(request);
  } catch (const HttpError& error) {
    Reply reply = error_reply(error.status(), error.what());
    if (error.status() == 503) reply.headers.emplace_back("Retry-After", "1");
    co_return reply;
  } catch (const std::bad_alloc&) {
    co_return error_reply(503, "there is no memory for this request");
  } catch (const std::exception& error) {
    log_warn("{} {}: {}", request.method, request.path, error.what());
    co_return error_reply(500, "the server failed on this request");
  }
}

net::awaitable<Reply> Service::route(Request& request) {
  const std::string& path = request.path;
  const auto as = [](Reply reply, const char* route) {
    reply.route = route;
    return reply;
  };
  if (path == "/v1/classify") {
    require_method(request, "POST");
    co_return as(co_await classify(request), "classify");
  }
  constexpr std::string_view kModels = "/v2/models/";
  if (path.starts_with(kModels)) {
    const auto [name, action] = split_model_path(path.substr(kModels.size()));
    if (action == "infer") {
      require_method(request, "POST");
      co_return as(co_await infer(find(name), request), "infer");
    }
    co_return as(model_reply(request, path.substr(kModels.size())), "model");
  }
  if (path == "/v2/repository/index") {
    require_method(request, "POST");
    nlohmann::json list = nlohmann::json::array();
    for (const ModelPlace& place : models_)
      list.push_back(
          {{"name", place.served().name}, {"version", "1"}, {"state", "READY"}, {"reason", ""}});
    co_return as(json_reply(list), "models");
  }
  require_method(request, "GET");
  if (path == "/v2/health/live") co_return as(json_reply({{"live", true}}), "health");
  if (path == "/v2/health/ready")
    co_return as(json_reply({{"ready", !draining}}, draining ? 503 : 200), "health");
  if (path == "/v2" || path == "/v2/") co_return as(json_reply(server_metadata()), "server");
  if (path == "/v2/models") {
    nlohmann::json names = nlohmann::json::array();
    for (const ModelPlace& place : models_) names.push_back(place.served().name);
    co_return as(json_reply({{"models", names}}), "models");
  }
  if (path == "/metrics") co_return as(metrics(), "metrics");
  if (const PageFile* file = find_page(path)) co_return as(page_reply(*file), "page");
  throw HttpError(404,
                  "there is nothing at this address; see GET /v2/models and POST /v1/classify");
}

Reply Service::model_reply(const Request& request, const std::string& rest) {
  const auto [name, action] = split_model_path(rest);
  const ModelPlace& place = find(name);
  require_method(request, "GET");
  if (action == "ready")
    return json_reply({{"name", name}, {"ready", !draining}}, draining ? 503 : 200);
  if (!action.empty()) throw HttpError(404, "a model has /ready and /infer");
  return json_reply(model_metadata(place.served(), place.queue->backbone()));
}

net::awaitable<std::vector<ImageResult>> Service::run(ImageQueue& queue,
                                                      std::vector<ImageJob> jobs) {
  if (draining) throw HttpError(503, "the server is stopping");
  bool taken = true;
  std::vector<ImageResult> results =
      co_await net::async_initiate<const net::use_awaitable_t<>, void(std::vector<ImageResult>)>(
          [&](auto handler) {
            using Handler = decltype(handler);
            auto gathering = std::make_shared<Gathering<Handler>>(jobs.size(), std::move(handler));
            auto executor = net::get_associated_executor(gathering->resume);
            for (std::size_t i = 0; i < jobs.size(); ++i) {
              jobs[i].done = [gathering, executor, i](ImageResult&& result) {
                gathering->results[i] = std::move(result);
                if (--gathering->left > 0) return;
                net::post(executor, [gathering]() mutable {
                  std::move(gathering->resume)(std::move(gathering->results));
                });
              };
            }
            taken = queue.submit(std::move(jobs));
            if (!taken) {
              net::post(executor, [gathering]() mutable {
                std::move(gathering->resume)(std::vector<ImageResult>());
              });
            }
          },
          net::use_awaitable);
  if (!taken) throw HttpError(503, "the queue is full");
  for (const ImageResult& result : results)
    if (result.servers_fault) throw HttpError(500, result.error);
  co_return results;
}

net::awaitable<Reply> Service::classify(Request& request) {
  const int top = parse_top(request);
  const std::string wanted = request.parameter("model");
  std::vector<std::string> names;
  std::vector<std::string> images;
  if (request.header("content-type").starts_with("multipart/form-data")) {
    for (FormPart& part :
         parse_multipart(request.body, request.header("content-type"), limits_.images_a_request)) {
      names.push_back(part.filename.empty() ? part.name : part.filename);
      images.push_back(std::move(part.content));
    }
    request.body.clear();
  } else {
    names.emplace_back();
    images.push_back(std::move(request.body));
  }
  if (images.empty() || (images.size() == 1 && images[0].empty()))
    throw HttpError(400, "there is no image: send its bytes as the body, or a multipart form");

  std::vector<const ModelPlace*> places;
  for (const ModelPlace& place : models_) {
    if (wanted.empty() || place.served().name == wanted) places.push_back(&place);
  }
  if (places.empty()) throw HttpError(404, "no model is called that; GET /v2/models lists them");
  std::set<ImageQueue*> queues;
  for (const ModelPlace* place : places) queues.insert(place->queue);

  nlohmann::json predictions = nlohmann::json::array();
  std::size_t bad = 0;
  std::string reason;
  for (const auto& queue : queues_) {
    if (!queues.contains(queue.get())) continue;
    std::vector<ImageJob> jobs;
    jobs.reserve(images.size());
    for (const std::string& image : images) jobs.push_back({.encoded = image});
    const std::vector<ImageResult> results = co_await run(*queue, std::move(jobs));
    for (std::size_t i = 0; i < results.size(); ++i) {
      nlohmann::json entry;
      if (!names[i].empty()) entry["image"] = names[i];
      if (!results[i].error.empty()) {
        reason = entry["error"] = results[i].error;
        predictions.push_back(std::move(entry));
        ++bad;
        continue;
      }
      for (const ModelPlace* place : places) {
        if (place->queue != queue.get()) continue;
        entry["model"] = place->served().name;
        entry["top"] = top_json(place->served().model, results[i].probabilities[place->index], top);
        predictions.push_back(entry);
      }
    }
  }
  // One bad image among others is an entry; nothing but bad ones is a bad request.
  if (bad == images.size() * queues.size())
    throw HttpError(400, "the image cannot be read: " + reason);
  co_return json_reply({{"predictions", predictions}});
}

net::awaitable<Reply> Service::infer(const ModelPlace& place, Request& request) {
  InferRequest parsed = parse_infer(request, limits_);
  const std::vector<ImageResult> results = co_await run(*place.queue, std::move(parsed.images));
  std::vector<std::vector<float>> rows;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].error.empty())
      throw HttpError(400, "image " + std::to_string(i) + " cannot be read: " + results[i].error);
    rows.push_back(results[i].probabilities[place.index]);
  }
  co_return infer_reply(parsed, place.served(), rows);
}

Reply Service::metrics() const {
  Reply reply{.type = "text/plain; version=0.0.4; charset=utf-8"};
  http.write(reply.body);
  for (const auto& queue : queues_)
    write_metrics(reply.body, queue->metrics(), queue->backbone().card.name, queue->waiting());
  return reply;
}

}  // namespace caft::serve
