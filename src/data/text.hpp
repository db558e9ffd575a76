// Small judgements about names and text from outside.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "caft/data/dataset.hpp"

namespace caft::data {

/// The image formats that caft decodes, for messages.
inline constexpr std::string_view kImageExtensions = ".jpg .jpeg .png .webp .bmp";

/// Offset of the first byte that is not well-formed UTF-8 (Unicode 15, table 3-7), or npos.
std::size_t first_invalid_utf8(std::string_view text) noexcept;

/// Fit for a message, a table or JSON: malformed UTF-8 and control characters become U+FFFD, so
/// that a hostile name can neither break JSON nor drive a terminal.
std::string printable(std::string_view text);

/// ASCII letters in lower case; other bytes as they are.
std::string lower(std::string_view text);

/// The name ends in one of kImageExtensions, in any case.
bool has_image_extension(std::string_view name);

/// Digits only, at least one.
bool is_integer(std::string_view text) noexcept;

/// Orders integers of any length by value, then by text ("7" before "07").
bool integer_less(std::string_view a, std::string_view b) noexcept;

/// A split by its folder's or shard's name in any case ("Train", "valid"), else absent.
std::optional<Split> split_of_name(std::string_view name);

/// Throws Error(bad_input) that begins with `where` unless `name` can be a class: not empty, UTF-8,
/// no control characters, no blank at either end (which would make two classes of one).
void check_class_name(std::string_view name, const std::string& where);

}  // namespace caft::data
