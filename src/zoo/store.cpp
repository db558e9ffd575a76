// Where backbones lie on this machine.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "caft/core/error.hpp"
#include "caft/zoo/card.hpp"
#include "zoo/fields.hpp"

namespace caft {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCard = "card.json";

/// The variable's value, unless unset or empty.
std::optional<fs::path> from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

bool in_catalogue(const std::string& name) {
  const auto& entries = catalogue();
  return std::any_of(entries.begin(), entries.end(),
                     [&](const CatalogueEntry& entry) { return entry.name == name; });
}

}  // namespace

fs::path caft_home() {
  if (const auto home = from_environment("CAFT_HOME")) return fs::absolute(*home);
  // The XDG base directory specification: a relative path there is to be ignored.
  if (const auto cache = from_environment("XDG_CACHE_HOME"); cache && cache->is_absolute()) {
    return *cache / "caft";
  }
  if (const auto home = from_environment("HOME")) return fs::absolute(*home) / ".cache" / "caft";
  throw Error(ErrorKind::not_found, "there is no folder for backbones, for HOME is not set",
              "set CAFT_HOME to one");
}

Store::Store(fs::path root) : root_(std::move(root)) {}

fs::path Store::folder(const std::string& name) const {
  if (!zoo::is_name(name)) {
    throw Error(ErrorKind::usage, fmt::format("\"{}\" is not a backbone's name", name),
                "use 1 to 64 of a-z, 0-9, '_', '.' and '-', not starting with a dot");
  }
  return root_ / "zoo" / name;
}

bool Store::has(const std::string& name) const {
  std::error_code ignored;
  return zoo::is_name(name) && fs::is_regular_file(folder(name) / kCard, ignored);
}

BackboneCard Store::find(const std::string& name) const {
  const fs::path place = folder(name);
  if (!has(name)) {
    throw Error(
        ErrorKind::not_found,
        fmt::format("there is no backbone \"{}\" in {}", name, place.parent_path().string()),
        in_catalogue(name) ? fmt::format("get it with: caft zoo export {}", name)
                           : "caft zoo list names the known ones; caft zoo add and "
                             "caft zoo export --module bring your own");
  }
  BackboneCard card = BackboneCard::load(place / kCard);
  if (card.name != name) {
    throw Error(ErrorKind::mismatch,
                fmt::format("{} is the card of \"{}\"", (place / kCard).string(), card.name),
                fmt::format("move its folder to one called {}", card.name));
  }
  return card;
}

std::vector<std::string> Store::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(root_ / "zoo", error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (has(name)) names.push_back(std::move(name));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    throw Error(ErrorKind::io,
                fmt::format("cannot list {}: {}", (root_ / "zoo").string(), error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace caft
