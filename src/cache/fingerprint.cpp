#include "cache/fingerprint.hpp"

#include <map>
#include <optional>
#include <span>

#include "caft/cache/cache.hpp"
#include "caft/core/hash.hpp"

namespace caft {
namespace {

constexpr std::size_t kIdDigits = 32;

// Leaves by dotted name. An empty object or array is a leaf: it has no others to show.
void collect(const nlohmann::json& value, const std::string& name,
             std::map<std::string, std::string>& leaves) {
  if (!value.is_structured() || value.empty()) {
    leaves[name] = canonical(value);
    return;
  }
  // Short arrays (a mean, a size) read best whole.
  if (value.is_array()) {
    leaves[name] = canonical(value);
    return;
  }
  for (const auto& [key, child] : value.items())
    collect(child, name.empty() ? key : name + "." + key, leaves);
}

std::string shown(const std::map<std::string, std::string>& leaves, const std::string& name) {
  const auto found = leaves.find(name);
  return found == leaves.end() ? "nothing" : found->second;
}

}  // namespace

std::string canonical(const nlohmann::json& value) {
  // Bytes that are not UTF-8 (in a file name, say) must not make a fingerprint fail.
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string describe_difference(const nlohmann::json& cached, const nlohmann::json& asked) {
  std::map<std::string, std::string> had, wanted;
  collect(cached, "", had);
  collect(asked, "", wanted);
  std::map<std::string, std::string> names = had;
  names.insert(wanted.begin(), wanted.end());
  std::string lines;
  for (const auto& [name, unused] : names) {
    const std::string left = shown(had, name), right = shown(wanted, name);
    if (left == right) continue;
    if (!lines.empty()) lines += '\n';
    lines += "  " + (name.empty() ? "fingerprint" : name) + ": cache has " + left + ", asked for " +
             right;
  }
  return lines;
}

std::string Fingerprint::id() const {
  const std::string text = canonical(hard);
  return sha256(std::as_bytes(std::span(text))).substr(0, kIdDigits);
}

}  // namespace caft
