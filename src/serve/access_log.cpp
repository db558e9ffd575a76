#include "serve/access_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "caft/core/error.hpp"

namespace caft::serve {

AccessLog::AccessLog(const std::filesystem::path& path) {
  if (path.empty()) return;
  file_ = path == "-" ? stderr : std::fopen(path.c_str(), "ae");
  if (file_ == nullptr)
    throw Error(ErrorKind::io, "cannot write " + path.string() + ": " + std::strerror(errno),
                "name another file with --access-log");
}

AccessLog::~AccessLog() {
  if (file_ != nullptr && file_ != stderr) std::fclose(file_);
}

void AccessLog::write(const AccessEntry& entry) {
  if (file_ == nullptr) return;
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto part = now.time_since_epoch().count() % 1000;
  nlohmann::ordered_json json;
  json["time"] =
      fmt::format("{:%FT%T}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), part);
  json["remote"] = entry.remote;
  json["method"] = entry.method;
  json["path"] = entry.path;
  json["status"] = entry.status;
  json["bytes_in"] = entry.bytes_in;
  json["bytes_out"] = entry.bytes_out;
  json["ms"] = std::round(entry.milliseconds * 1000) / 1000;
  const std::string line =
      json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), file_);
  std::fflush(file_);
}

}  // namespace caft::serve
