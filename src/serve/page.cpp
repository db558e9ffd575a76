#include "serve/page.hpp"

#include <array>

// Defined by caft_embed (cmake/CaftEmbed.cmake).
#define CAFT_ASSET(name)                       \
  extern "C" const char caft_##name##_begin[]; \
  extern "C" const char caft_##name##_end[];
CAFT_ASSET(serve_html)
CAFT_ASSET(serve_css)
CAFT_ASSET(serve_js)
#undef CAFT_ASSET

namespace caft::serve {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

const std::array<PageFile, 3>& files() {
  static const std::array<PageFile, 3> all{{
      {"/", "text/html; charset=utf-8", between(caft_serve_html_begin, caft_serve_html_end)},
      {"/page.css", "text/css; charset=utf-8", between(caft_serve_css_begin, caft_serve_css_end)},
      {"/page.js", "text/javascript; charset=utf-8",
       between(caft_serve_js_begin, caft_serve_js_end)},
  }};
  return all;
}

}  // namespace

const PageFile* find_page(std::string_view path) {
  for (const PageFile& file : files()) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

Reply page_reply(const PageFile& file) {
  Reply reply{.type = std::string(file.type), .body = std::string(file.content)};
  reply.headers = {{"Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: "
                    "data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                    "frame-ancestors 'none'"},
                   {"Referrer-Policy", "no-referrer"},
                   {"Cache-Control", "no-cache"}};
  return reply;
}

}  // namespace caft::serve
