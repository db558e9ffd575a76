#include "data/text.hpp"

#include <algorithm>
#include <array>

#include "caft/core/error.hpp"

namespace caft::data {
namespace {

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

/// Length of the well-formed sequence that begins at `i`, or 0.
std::size_t utf8_length(std::string_view text, std::size_t i) noexcept {
  const unsigned char lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;  // of the second byte
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;   // shorter forms exist
    if (lead == 0xED) high = 0x9F;  // surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
  } else {
    return 0;
  }
  if (text.size() - i < length) return 0;
  if (byte_at(text, i + 1) < low || byte_at(text, i + 1) > high) return 0;
  for (std::size_t k = 2; k < length; ++k) {
    if ((byte_at(text, i + k) & 0xC0) != 0x80) return 0;
  }
  return length;
}

bool is_control(unsigned char c) noexcept { return c < 0x20 || c == 0x7F; }

}  // namespace

std::size_t first_invalid_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

std::string printable(std::string_view text) {
  static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    // U+0080 … U+009F are control characters too: some terminals obey them.
    const bool c1 = length == 2 && byte_at(text, i) == 0xC2 && byte_at(text, i + 1) < 0xA0;
    if (length == 0 || is_control(byte_at(text, i)) || c1) {
      out += kReplacement;
      i += std::max<std::size_t>(length, 1);
    } else {
      out += text.substr(i, length);
      i += length;
    }
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool has_image_extension(std::string_view name) {
  static constexpr std::array<std::string_view, 5> kExtensions = {".jpg", ".jpeg", ".png", ".webp",
                                                                  ".bmp"};
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string extension = lower(name.substr(dot));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

bool is_integer(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool integer_less(std::string_view a, std::string_view b) noexcept {
  const auto significant = [](std::string_view text) {
    return text.substr(std::min(text.find_first_not_of('0'), text.size()));
  };
  const std::string_view x = significant(a);
  const std::string_view y = significant(b);
  if (x.size() != y.size()) return x.size() < y.size();
  if (x != y) return x < y;
  if (a.size() != b.size()) return a.size() < b.size();
  return a < b;
}

std::optional<Split> split_of_name(std::string_view name) {
  const std::string text = lower(name);
  if (text == "train") return Split::train;
  if (text == "val" || text == "valid" || text == "validation") return Split::val;
  if (text == "test") return Split::test;
  return std::nullopt;
}

void check_class_name(std::string_view name, const std::string& where) {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw Error(ErrorKind::bad_input, where + ": class name '" + printable(name) + "' " + what,
                remedy);
  };
  if (name.empty()) {
    throw Error(ErrorKind::bad_input, where + ": a label is empty", "name the class");
  }
  if (first_invalid_utf8(name) != std::string_view::npos)
    refuse("is not UTF-8", "rename the class");
  if (std::any_of(name.begin(), name.end(),
                  [](char c) { return is_control(static_cast<unsigned char>(c)); })) {
    refuse("holds a control character", "rename the class");
  }
  if (name.front() == ' ' || name.back() == ' ') {
    refuse("begins or ends with a blank", "remove the blank");
  }
}

}  // namespace caft::data
