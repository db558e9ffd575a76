#include "engine/openvino/convert.hpp"

#include <array>
#include <sstream>
#include <string_view>

namespace caft::openvino {
namespace {

constexpr std::size_t max_message = 400;

/// Lines that say where in OpenVINO's sources something failed, or only announce the next line.
bool is_noise(std::string_view line) {
  constexpr std::array<std::string_view, 7> prefixes{"Exception from ",
                                                     "Check '",
                                                     "FrontEnd API failed",
                                                     "Model wasn't fully converted",
                                                     "-- Conversion is failed for",
                                                     "Summary:",
                                                     "While validating node '"};
  for (const std::string_view prefix : prefixes) {
    if (line.starts_with(prefix)) return true;
  }
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

DType to_dtype(const ov::element::Type& type, const std::string& tensor) {
  switch (type) {
    case ov::element::Type_t::u8:
      return DType::u8;
    case ov::element::Type_t::i8:
      return DType::i8;
    case ov::element::Type_t::u16:
      return DType::u16;
    case ov::element::Type_t::i32:
      return DType::i32;
    case ov::element::Type_t::u64:
      return DType::u64;
    case ov::element::Type_t::f16:
      return DType::f16;
    case ov::element::Type_t::bf16:
      return DType::bf16;
    case ov::element::Type_t::f32:
      return DType::f32;
    default:
      throw Error(ErrorKind::bad_input, "tensor '" + tensor + "' has element type " +
                                            type.get_type_name() + ", which caft does not carry");
  }
}

ov::element::Type to_element(DType type) {
  switch (type) {
    case DType::u8:
      return ov::element::u8;
    case DType::i8:
      return ov::element::i8;
    case DType::u16:
      return ov::element::u16;
    case DType::i32:
      return ov::element::i32;
    case DType::u64:
      return ov::element::u64;
    case DType::f16:
      return ov::element::f16;
    case DType::bf16:
      return ov::element::bf16;
    case DType::f32:
      return ov::element::f32;
  }
  return ov::element::dynamic;
}

std::string one_line(const std::string& message) {
  std::istringstream lines(message);
  std::string result, line;
  while (std::getline(lines, line)) {
    if (is_noise(line)) continue;
    std::string_view text(line);
    text = text.substr(0, text.find(": Check '"));
    if (text.starts_with("-- ")) text.remove_prefix(3);
    while (!text.empty() && (text.back() == ' ' || text.back() == ':')) text.remove_suffix(1);
    if (text.empty()) continue;
    if (!result.empty()) result += "; ";
    result += text;
  }
  if (result.empty()) result = "OpenVINO gave no reason";
  if (result.size() > max_message) {
    result.resize(max_message);
    result += "...";
  }
  return result;
}

}  // namespace caft::openvino
