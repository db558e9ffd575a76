// A request and its answer, as the handlers see them: no HTTP library's types.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace caft::serve {

struct Request {
  std::string method, path;  ///< path is percent-decoded and without the query
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  /// Empty where there is none.
  [[nodiscard]] std::string header(const std::string& name) const;
  [[nodiscard]] std::string parameter(const std::string& name) const;
};

struct Reply {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string route = "other";  ///< for metrics: one of a few fixed texts
};

/// A request that cannot be answered as asked; becomes {"error": what()}.
class HttpError : public std::exception {
 public:
  HttpError(int status, std::string what) : status_(status), what_(std::move(what)) {}
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  int status_;
  std::string what_;
};

Reply json_reply(const nlohmann::json& json, int status = 200);
Reply error_reply(int status, const std::string& what);

/// Splits and decodes a request's target ("/v1/classify?top=3"). Throws HttpError(400) on an
/// escape that is none or a zero byte.
void parse_target(std::string_view target, Request& request);

/// One part of a multipart/form-data body.
struct FormPart {
  std::string name, filename, content;
};

/// Reads a body by RFC 7578. Throws HttpError(400) on a body that does not follow its boundary or
/// has over `most` parts.
std::vector<FormPart> parse_multipart(std::string_view body, const std::string& content_type,
                                      std::size_t most);

/// RFC 4648; white space is skipped. Throws HttpError(400).
std::string decode_base64(std::string_view text);

}  // namespace caft::serve
