// Follows ITU-T T.81, annex B, and libjpeg's rules for telling the colour space (jdapimin.c).
#include "image/jpeg_probe.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "image/exif.hpp"

namespace caft::image {
namespace {

enum Marker : std::uint8_t {
  kSof0 = 0xC0,  // baseline
  kSof1 = 0xC1,  // extended sequential, Huffman
  kSof2 = 0xC2,  // progressive, Huffman
  kDht = 0xC4,
  kJpg = 0xC8,
  kDac = 0xCC,
  kRst0 = 0xD0,
  kSoi = 0xD8,
  kEoi = 0xD9,
  kSos = 0xDA,
  kDnl = 0xDC,
  kApp0 = 0xE0,
  kApp1 = 0xE1,
  kApp14 = 0xEE,
};

struct Component {
  std::uint8_t id = 0, h = 0, v = 0;
};

/// What the markers before the first scan say.
struct Header {
  bool frame = false;
  bool progressive = false;
  int width = 0, height = 0;
  std::size_t components = 0;
  std::array<Component, 3> component;
  bool jfif = false, adobe = false;
  int adobe_transform = 0;
  int orientation = 1;
};

int word_at(Bytes bytes, std::size_t index) {
  return byte_at(bytes, index) << 8 | byte_at(bytes, index + 1);
}

bool starts_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

/// `body` is a frame header behind its length. False where it is not one of the ordinary kinds.
bool read_frame(Bytes body, Header& header) {
  if (header.frame || body.size() < 6 || byte_at(body, 0) != 8) return false;
  header.frame = true;
  header.height = word_at(body, 1);
  header.width = word_at(body, 3);
  header.components = byte_at(body, 5);
  if (header.components != 1 && header.components != 3) return false;
  if (body.size() != 6 + 3 * header.components) return false;
  for (std::size_t i = 0; i < header.components; ++i) {
    const std::uint8_t factors = byte_at(body, 7 + 3 * i);
    header.component[i] = {byte_at(body, 6 + 3 * i), static_cast<std::uint8_t>(factors >> 4),
                           static_cast<std::uint8_t>(factors & 15)};
  }
  return true;
}

void read_application(std::uint8_t marker, Bytes body, bool want_exif, Header& header) {
  using namespace std::string_view_literals;
  if (marker == kApp0 && starts_with(body, "JFIF\0"sv)) header.jfif = true;
  if (marker == kApp14 && body.size() >= 12 && starts_with(body, "Adobe"sv)) {
    header.adobe = true;
    header.adobe_transform = byte_at(body, 11);
  }
  if (marker == kApp1 && want_exif && header.orientation == 1 && starts_with(body, "Exif\0"sv)) {
    header.orientation = exif_orientation(body);
  }
}

bool is_ycbcr(const Header& header) {
  if (header.jfif) return true;
  if (header.adobe) return header.adobe_transform == 1;
  return header.component[0].id == 1 && header.component[1].id == 2 && header.component[2].id == 3;
}

std::optional<ChromaSampling> sampling_of(const Header& header) {
  const auto& [y, cb, cr] = header.component;
  if (header.components == 1) {
    if (y.h != 1 || y.v != 1) return std::nullopt;
    return ChromaSampling::grey;
  }
  if (!is_ycbcr(header) || cb.h != 1 || cb.v != 1 || cr.h != 1 || cr.v != 1) return std::nullopt;
  if (y.h == 1 && y.v == 1) return ChromaSampling::s444;
  if (y.h == 2 && y.v == 1) return ChromaSampling::s422;
  if (y.h == 2 && y.v == 2) return ChromaSampling::s420;
  if (y.h == 1 && y.v == 2) return ChromaSampling::s440;
  return std::nullopt;
}

/// A truncated file decodes to grey on a GPU, and is an error on the CPU. Zeros behind the end
/// marker are padding.
bool ends_whole(Bytes file) {
  std::size_t size = file.size();
  while (size > 2 && byte_at(file, size - 1) == 0) --size;
  return size > 2 && byte_at(file, size - 1) == kEoi && byte_at(file, size - 2) == 0xFF;
}

/// Whether there are at most `most` scans from `rest` on, which begins behind the first one's mark.
bool scans_within(Bytes rest, std::uint64_t most) {
  std::uint64_t scans = 1;
  const auto* at = reinterpret_cast<const std::uint8_t*>(rest.data());
  const auto* const end = at + rest.size();
  while (scans <= most && end - at >= 2) {
    at = static_cast<const std::uint8_t*>(
        std::memchr(at, 0xFF, static_cast<std::size_t>(end - at) - 1));
    if (at == nullptr) return true;
    if (at[1] == kSos) ++scans;
    ++at;
  }
  return scans <= most;
}

/// Reads markers up to the first scan; `at` is then behind its mark. False where the file is not
/// one for a GPU.
bool read_markers(Bytes file, bool want_exif, Header& header, std::size_t& at) {
  for (at = 2; at + 4 <= file.size();) {
    if (byte_at(file, at) != 0xFF) return false;
    const std::uint8_t marker = byte_at(file, at + 1);
    if (marker == 0xFF) {  // fill byte
      ++at;
      continue;
    }
    const bool frame = marker == kSof0 || marker == kSof1 || marker == kSof2;
    const bool other_frame =
        !frame && marker >= kSof0 && marker < kRst0 && marker != kDht && marker != kJpg;
    if (other_frame || marker < kSof0 || marker == kDnl || (marker >= kRst0 && marker <= kEoi))
      return false;
    const auto length = static_cast<std::size_t>(word_at(file, at + 2));
    if (length < 2 || length > file.size() - at - 2) return false;
    const Bytes body = file.subspan(at + 4, length - 2);
    if (marker == kSos) {
      at += 2;
      return header.frame && !body.empty();
    }
    if (frame) {
      if (!read_frame(body, header)) return false;
      header.progressive = marker == kSof2;
    } else if (marker >= kApp0 && marker <= kApp0 + 15) {
      read_application(marker, body, want_exif, header);
    }
    at += 2 + length;
  }
  return false;
}

}  // namespace

std::optional<JpegInfo> probe_jpeg(Bytes file, const DecodeOptions& options) {
  if (file.size() < 4 || byte_at(file, 0) != 0xFF || byte_at(file, 1) != kSoi || !ends_whole(file))
    return std::nullopt;
  Header header;
  std::size_t at = 0;
  if (!read_markers(file, options.exif_orientation, header, at)) return std::nullopt;
  const std::optional<ChromaSampling> sampling = sampling_of(header);
  if (!sampling || header.width == 0 || header.height == 0 || header.orientation != 1)
    return std::nullopt;

  const auto width = static_cast<std::uint64_t>(header.width);
  const auto height = static_cast<std::uint64_t>(header.height);
  if (width > options.limits.max_pixels / height) return std::nullopt;
  // As decode_jpeg does: a block takes a bit at the least.
  if ((width + 7) / 8 * ((height + 7) / 8) / 4 > file.size() * 8) return std::nullopt;
  if (!header.progressive) {
    if (byte_at(file, at + 2) != header.components) return std::nullopt;  // more scans follow
  } else {
    constexpr std::uint64_t kScanWorkFactor = 16;  // jpeg.cpp's
    const std::uint64_t work = options.limits.max_pixels * kScanWorkFactor / (width * height);
    const auto most = static_cast<std::uint64_t>(std::max(options.limits.max_jpeg_scans, 0));
    if (!scans_within(file.subspan(at), std::min(work, most))) return std::nullopt;
  }
  return JpegInfo{.width = header.width,
                  .height = header.height,
                  .sampling = *sampling,
                  .progressive = header.progressive};
}

}  // namespace caft::image
