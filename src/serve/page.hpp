// The web page, embedded.
#pragma once

#include <string>
#include <string_view>

#include "serve/http.hpp"

namespace caft::serve {

struct PageFile {
  std::string_view path, type, content;
};

/// nullptr where the page has no such file.
const PageFile* find_page(std::string_view path);
/// With headers that let the page load nothing but its own files.
Reply page_reply(const PageFile& file);

}  // namespace caft::serve
