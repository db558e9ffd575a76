#include "serve/http.hpp"

#include <algorithm>
#include <cctype>

namespace caft::serve {
namespace {

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex(text[i + 2]) : -1;
      if (high < 0 || low < 0) throw HttpError(400, "the address holds a broken % escape");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') throw HttpError(400, "the address holds a zero byte");
    out += c;
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

/// The value of `key` in `form-data; name="a"; filename="b.jpg"`; empty where it is not there.
std::string attribute(std::string_view header, std::string_view key) {
  std::size_t at = header.find(';');
  while (at != std::string_view::npos) {
    std::string_view rest = trimmed(header.substr(at + 1));
    const std::size_t equals = rest.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string name = lower(trimmed(rest.substr(0, equals)));
    rest = trimmed(rest.substr(equals + 1));
    std::string value;
    std::size_t end = 0;
    if (!rest.empty() && rest.front() == '"') {
      for (end = 1; end < rest.size() && rest[end] != '"'; ++end) {
        if (rest[end] == '\\' && end + 1 < rest.size()) ++end;
        value += rest[end];
      }
    } else {
      end = std::min(rest.find(';'), rest.size());
      value = trimmed(rest.substr(0, end));
    }
    if (name == key) return value;
    header = rest;
    at = header.find(';', std::min(end, header.size()));
  }
  return {};
}

FormPart parse_part(std::string_view part) {
  if (part.starts_with("\r\n")) return {.content = std::string(part.substr(2))};  // no header
  const std::size_t end = part.find("\r\n\r\n");
  if (end == std::string_view::npos)
    throw HttpError(400, "a part of the form has no end of header");
  FormPart result;
  std::string_view header = part.substr(0, end + 2);
  while (!header.empty()) {
    const std::size_t line_end = header.find("\r\n");
    const std::string_view line = header.substr(0, line_end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos &&
        lower(trimmed(line.substr(0, colon))) == "content-disposition") {
      result.name = attribute(line.substr(colon + 1), "name");
      result.filename = attribute(line.substr(colon + 1), "filename");
    }
    header.remove_prefix(line_end + 2);
  }
  result.content = part.substr(end + 4);
  return result;
}

/// Where the next delimiter line begins, from `at` on; a line that only begins like one is content.
std::size_t find_delimiter(std::string_view body, std::string_view delimiter, std::size_t at) {
  for (at = body.find(delimiter, at); at != std::string_view::npos;
       at = body.find(delimiter, at + 1)) {
    std::string_view rest = body.substr(at + delimiter.size());
    if (rest.starts_with("--")) return at;
    while (rest.starts_with(' ') || rest.starts_with('\t')) rest.remove_prefix(1);
    if (rest.starts_with("\r\n")) return at;
  }
  return at;
}

}  // namespace

std::string Request::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::string Request::parameter(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

Reply json_reply(const nlohmann::json& json, int status) {
  Reply reply{.status = status};
  // A class or file name may hold bytes that are not UTF-8.
  reply.body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return reply;
}

Reply error_reply(int status, const std::string& what) {
  return json_reply({{"error", what}}, status);
}

void parse_target(std::string_view target, Request& request) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = decoded(target.substr(0, mark), false);
  std::string_view rest = mark < target.size() ? target.substr(mark + 1) : std::string_view();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value =
        equals < pair.size() ? pair.substr(equals + 1) : std::string_view();
    if (!pair.empty()) request.query[decoded(pair.substr(0, equals), true)] = decoded(value, true);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::vector<FormPart> parse_multipart(std::string_view body, const std::string& content_type,
                                      std::size_t most) {
  const std::string boundary = attribute(content_type, "boundary");
  if (boundary.empty() || boundary.size() > 70)
    throw HttpError(400, "multipart/form-data without a boundary");
  const std::string first = "--" + boundary, next = "\r\n--" + boundary;
  // What comes before the first boundary is nobody's.
  std::size_t at = 0;
  if (!body.starts_with(first)) {
    at = find_delimiter(body, next, 0);
    if (at == std::string_view::npos) throw HttpError(400, "the form lacks its boundary");
    at += 2;
  }
  at += first.size();
  std::vector<FormPart> parts;
  while (!body.substr(at).starts_with("--")) {
    const std::size_t line = body.find("\r\n", at);
    if (line == std::string_view::npos)
      throw HttpError(400, "the form ends before its last boundary");
    const std::size_t end = find_delimiter(body, next, line);
    if (end == std::string_view::npos)
      throw HttpError(400, "the form ends before its last boundary");
    if (parts.size() == most)
      throw HttpError(413, "the form has over " + std::to_string(most) + " parts");
    parts.push_back(parse_part(body.substr(line + 2, end > line + 2 ? end - line - 2 : 0)));
    at = end + next.size();
  }
  return parts;
}

std::string decode_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int held = 0;
  bool ended = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    unsigned value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<unsigned>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<unsigned>(c - 'a' + 26);
    else if (c >= '0' && c <= '9')
      value = static_cast<unsigned>(c - '0' + 52);
    else if (c == '+')
      value = 62;
    else if (c == '/')
      value = 63;
    else if (c == '=') {
      ended = true;
      continue;
    } else
      throw HttpError(400, "the text is not base64");
    if (ended) throw HttpError(400, "the text is not base64");
    bits = (bits << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 255U);
    }
  }
  return out;
}

}  // namespace caft::serve
