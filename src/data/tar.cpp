#include "data/tar.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "caft/core/error.hpp"
#include "data/text.hpp"

namespace caft::data {
namespace {

constexpr std::uint64_t kBlock = 512;
constexpr std::uint64_t kMaxExtension = std::uint64_t{1} << 20;  // a long name or pax header
constexpr std::size_t kMaxName = 64 * 1024;
using Block = std::array<char, kBlock>;

// Fields of a header block: offset and length (POSIX.1-1988, "ustar interchange format").
struct Field {
  std::size_t offset, length;
};
constexpr Field kName{0, 100}, kSize{124, 12}, kChecksum{148, 8}, kMagic{257, 6}, kPrefix{345, 155};
constexpr std::size_t kType = 156;

std::string_view raw(const Block& block, Field field) {
  return {block.data() + field.offset, field.length};
}

/// Up to the first NUL: names fill their field when they need it all.
std::string_view text(const Block& block, Field field) {
  const std::string_view bytes = raw(block, field);
  return bytes.substr(0, std::min(bytes.find('\0'), bytes.size()));
}

/// Octal digits between blanks or NULs. Absent when there is anything else.
std::optional<std::uint64_t> octal(std::string_view field) {
  const auto blank = [](char c) { return c == ' ' || c == '\0'; };
  while (!field.empty() && blank(field.front())) field.remove_prefix(1);
  while (!field.empty() && blank(field.back())) field.remove_suffix(1);
  std::uint64_t value = 0;
  for (const char c : field) {
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');  // at most 12 digits: no overflow
  }
  return value;
}

/// Octal, or GNU's base-256: a first byte of 0x80, then a big-endian number.
std::optional<std::uint64_t> number(std::string_view field) {
  if ((static_cast<unsigned char>(field.front()) & 0x80) == 0) return octal(field);
  std::uint64_t value = static_cast<unsigned char>(field.front()) & 0x7F;  // 0x7F: negative
  for (const char c : field.substr(1)) {
    if (value >> 55 != 0) return std::nullopt;
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

/// The sum of a header's bytes, its own field counted as blanks. Some old programs summed signed.
bool checksum_holds(const Block& block) {
  const std::optional<std::uint64_t> stored = octal(raw(block, kChecksum));
  std::int64_t with_sign = 0;
  std::uint64_t without = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
    const char c = own ? ' ' : block[i];
    with_sign += static_cast<signed char>(c);
    without += static_cast<unsigned char>(c);
  }
  return stored && (*stored == without || static_cast<std::int64_t>(*stored) == with_sign);
}

class Indexer {
 public:
  explicit Indexer(const File& archive) : archive_(archive), end_(archive.size()) {}

  TarIndex run() {
    Block block;
    for (;;) {
      header_ = at_;
      if (end_ - at_ < kBlock) {
        fail("the archive ends without its end marker: it is truncated, or no tar archive",
             "fetch or make it again");
      }
      read(at_, block.data(), kBlock);
      at_ += kBlock;
      if (all_zero({block.data(), block.size()})) break;
      take(block);
    }
    if (!long_name_.empty() || pax_path_ || pax_size_) {
      fail("an extended header stands before no member", "make the archive again");
    }
    check_rest();
    return std::move(index_);
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& remedy) const {
    throw Error(
        ErrorKind::bad_input,
        printable(archive_.path().string()) + ": at byte " + std::to_string(header_) + ": " + what,
        remedy);
  }

  void read(std::uint64_t offset, char* to, std::uint64_t size) const {
    archive_.read_at(offset, std::as_writable_bytes(std::span(to, static_cast<std::size_t>(size))));
  }

  void take(const Block& block) {
    if (!checksum_holds(block)) {
      fail("the header's checksum is wrong: the archive is damaged, compressed, or no tar archive",
           "make it again, uncompressed");
    }
    const std::optional<std::uint64_t> declared = number(raw(block, kSize));
    if (!declared) fail("the member's size is not a number", "make the archive again");
    switch (block[kType]) {
      case 'L':
        long_name_ = extension(*declared, "long name");
        long_name_.resize(std::min(long_name_.find('\0'), long_name_.size()));
        return;
      case 'x':
      case 'X':  // the same from Solaris
        pax_records(extension(*declared, "pax header"), false);
        return;
      case 'g':
        pax_records(extension(*declared, "pax header"), true);
        return;
      case 'K':  // the long target of a link
      case 'V':  // the volume's label
        skip_data(*declared);
        return;
      case 'S':
      case 'M':
        fail("the member is sparse or part of a multi-volume archive",
             "make the archive again without these options");
      default:
        member(block, *declared);
    }
  }

  void member(const Block& block, std::uint64_t declared) {
    const std::uint64_t size = std::exchange(pax_size_, std::nullopt).value_or(declared);
    std::string name = std::exchange(long_name_, {});
    if (name.empty()) {
      name = text(block, kName);
      // Only POSIX keeps a prefix there; GNU's own form keeps times.
      const std::string_view prefix = text(block, kPrefix);
      if (raw(block, kMagic) == std::string_view("ustar\0", 6) && !prefix.empty()) {
        name = std::string(prefix) + "/" + name;
      }
    }
    if (auto path = std::exchange(pax_path_, std::nullopt)) name = std::move(*path);

    const char type = block[kType];
    const bool regular = type == '0' || type == '\0' || type == '7';
    if (type == '5' || (regular && name.ends_with('/'))) return;  // a folder has no data
    if (!regular) {
      ++index_.skipped;
      // Links, devices and pipes have no data whatever size they declare; unknown kinds do.
      if (type < '1' || type > '6') skip_data(size);
      return;
    }
    TarMember found;
    found.name = safe_name(name);
    found.offset = at_;
    found.size = size;
    skip_data(size);
    index_.members.push_back(std::move(found));
  }

  /// Moves past `size` bytes and the padding after them.
  void skip_data(std::uint64_t size) {
    if (size > end_ - at_) {
      fail("a member of " + std::to_string(size) + " bytes does not fit into the " +
               std::to_string(end_ - at_) + " that follow: the archive is truncated",
           "fetch or make it again");
    }
    at_ += size;
    at_ += std::min((kBlock - size % kBlock) % kBlock, end_ - at_);
  }

  std::string extension(std::uint64_t size, const std::string& what) {
    if (size > kMaxExtension) fail("a " + what + " is larger than 1 MiB", "make the archive again");
    const std::uint64_t from = at_;
    skip_data(size);  // checks that it lies within the archive
    std::string bytes(static_cast<std::size_t>(size), '\0');
    read(from, bytes.data(), size);
    return bytes;
  }

  /// Records "LENGTH KEY=VALUE\n", LENGTH counting the whole record.
  void pax_records(const std::string& bytes, bool global) {
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const std::size_t blank = rest.find(' ');
      const std::string_view digits = rest.substr(0, blank);
      if (blank == std::string_view::npos || !is_integer(digits) || digits.size() > 7) {
        fail("a pax record has no length", "make the archive again");
      }
      const std::size_t length = std::stoul(std::string(digits));
      if (length <= blank + 1 || length > rest.size() || rest[length - 1] != '\n') {
        fail("a pax record's length is wrong", "make the archive again");
      }
      const std::string_view record = rest.substr(blank + 1, length - blank - 2);
      const std::size_t equals = record.find('=');
      if (equals == std::string_view::npos) {
        fail("a pax record has no '='", "make the archive again");
      }
      pax_record(record.substr(0, equals), record.substr(equals + 1), global);
      rest.remove_prefix(length);
    }
  }

  void pax_record(std::string_view key, std::string_view value, bool global) {
    if (key.starts_with("GNU.sparse.")) {
      fail("the member is sparse", "make the archive again without --sparse");
    }
    if (key != "path" && key != "size") return;
    if (value.empty()) {  // takes back what an earlier record said
      if (key == "path") pax_path_.reset();
      if (key == "size") pax_size_.reset();
      return;
    }
    if (global) {
      fail("a global pax header sets every member's " + std::string(key), "make the archive again");
    }
    if (key == "path") {
      pax_path_ = value;
    } else if (!is_integer(value) || value.size() > 18) {
      fail("a pax size is not a number", "make the archive again");
    } else {
      pax_size_ = std::stoull(std::string(value));
    }
  }

  std::string safe_name(std::string_view name) const {
    const std::string shown = "member '" + printable(name.substr(0, 256)) + "'";
    const std::string remedy = "make the archive again with relative names";
    if (name.size() > kMaxName) fail(shown + " has a name over 64 KiB", remedy);
    if (name.find('\0') != std::string_view::npos) fail(shown + " has a NUL in its name", remedy);
    if (name.starts_with('/')) fail(shown + " has an absolute name", remedy);
    std::string safe;
    for (std::size_t begin = 0; begin <= name.size();) {
      const std::size_t end = std::min(name.find('/', begin), name.size());
      const std::string_view part = name.substr(begin, end - begin);
      if (part == "..") fail(shown + " leaves the archive's folder", remedy);
      if (!part.empty() && part != ".") {
        if (!safe.empty()) safe += '/';
        safe += part;
      }
      begin = end + 1;
    }
    if (safe.empty()) fail("a member has no name", remedy);
    return safe;
  }

  /// The rest is padding. More members there would be lost without a word.
  void check_rest() {
    constexpr std::uint64_t kLook = std::uint64_t{1} << 20;
    std::string rest(static_cast<std::size_t>(std::min(end_ - at_, kLook)), '\0');
    read(at_, rest.data(), rest.size());
    if (!all_zero(rest)) {
      fail("data follows the end marker: archives joined together, or a damaged one",
           "unpack and pack it again as one archive");
    }
  }

  const File& archive_;
  std::uint64_t end_;
  std::uint64_t at_ = 0;
  std::uint64_t header_ = 0;  ///< where the header in hand begins, for messages
  std::string long_name_;     ///< of the next member, from GNU's 'L'
  std::optional<std::string> pax_path_;
  std::optional<std::uint64_t> pax_size_;
  TarIndex index_;
};

}  // namespace

TarIndex index_tar(const File& archive) { return Indexer(archive).run(); }

}  // namespace caft::data
