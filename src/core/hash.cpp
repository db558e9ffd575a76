#include "caft/core/hash.hpp"

#include <openssl/evp.h>
#include <xxhash.h>

#include <memory>
#include <vector>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"

namespace caft {
namespace {

template <typename Bytes>
std::string hex(const Bytes& bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(std::size(bytes) * 2);
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    check(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void update(std::span<const std::byte> data) {
    check(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1);
  }
  std::string finish() {
    std::array<unsigned char, 32> digest{};
    check(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    return hex(digest);
  }

 private:
  static void check(bool ok) {
    if (!ok) throw Error(ErrorKind::unavailable, "OpenSSL cannot compute SHA-256");
  }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

Key128 xxh3_128(std::span<const std::byte> data) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data.data(), data.size()));
  Key128 key;
  std::copy(std::begin(canonical.digest), std::end(canonical.digest), key.bytes.begin());
  return key;
}

std::uint64_t xxh3_64(std::span<const std::byte> data) {
  return XXH3_64bits(data.data(), data.size());
}

std::string to_hex(const Key128& key) { return hex(key.bytes); }

std::string sha256(std::span<const std::byte> data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

std::string sha256_file(const std::filesystem::path& path) {
  const File file = File::open(path);
  const std::uint64_t size = file.size();
  std::vector<std::byte> block(std::size_t{1} << 20);
  Sha256 hash;
  for (std::uint64_t offset = 0; offset < size;) {
    const auto part =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), size - offset));
    const std::span<std::byte> bytes(block.data(), part);
    file.read_at(offset, bytes);
    hash.update(bytes);
    offset += part;
  }
  return hash.finish();
}

}  // namespace caft
