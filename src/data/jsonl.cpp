// JSON Lines: one object a line, {"path": …, "label": … | "labels": […], "split": …}.
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "data/formats.hpp"
#include "data/json_label.hpp"
#include "data/rows.hpp"
#include "data/text.hpp"

namespace caft::data {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxLine = std::size_t{1} << 20;

void add_line(RowCollector& rows, std::size_t line, std::string_view text) {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw Error(ErrorKind::bad_input, rows.where(line) + ": " + what, remedy);
  };
  if (text.size() > kMaxLine) refuse("the line is longer than 1 MiB", "write one object a line");
  const json object = parse_json(text, rows.where(line));
  if (!object.is_object()) {
    refuse("not a JSON object", R"(write {"path": "a.jpg", "label": "cat"})");
  }
  const auto path = object.find("path");
  if (path == object.end() || !path->is_string()) {
    refuse("no \"path\" that is a string", R"(write {"path": "a.jpg", "label": "cat"})");
  }
  const auto label = object.find("label");
  const auto labels = object.find("labels");
  if ((label == object.end()) == (labels == object.end())) {
    refuse("needs either \"label\" or \"labels\"", R"(write "label": "cat" or "labels": ["cat"])");
  }
  std::vector<std::string> names;
  if (label != object.end()) {
    names.push_back(json_label(*label, rows.where(line)));
  } else if (labels->is_array()) {
    for (const json& each : *labels) names.push_back(json_label(each, rows.where(line)));
  } else {
    refuse("\"labels\" is not a list", R"(write "labels": ["cat", "dog"])");
  }
  std::string split;
  if (const auto given = object.find("split"); given != object.end() && !given->is_null()) {
    if (!given->is_string()) refuse("\"split\" is not a string", R"(write "split": "train")");
    split = given->get<std::string>();
  }
  rows.add(line, path->get<std::string>(), names, split);
}

}  // namespace

json parse_json(std::string_view text, const std::string& where) {
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::exception& error) {
    std::string_view reason = error.what();  // "[json.exception.parse_error.101] parse error …"
    if (const std::size_t end = reason.find("] "); end != std::string_view::npos) {
      reason.remove_prefix(end + 2);
    }
    throw Error(ErrorKind::bad_input,
                where + ": not valid JSON (" + printable(reason.substr(0, 200)) + ")",
                "correct the JSON");
  }
}

std::string json_label(const json& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  throw Error(ErrorKind::bad_input,
              where + ": a label is " + value.type_name() + ", not a string or a number",
              "put it in quotes");
}

Dataset open_jsonl(const std::filesystem::path& file) {
  const std::string text = read_text(file);
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  RowCollector rows(file);
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view one = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (one.find_first_not_of(" \t\r") != std::string_view::npos) add_line(rows, line, one);
  }
  return std::move(rows).finish();
}

}  // namespace caft::data
