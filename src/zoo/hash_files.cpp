#include "zoo/hash_files.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <memory>

#include "caft/core/error.hpp"
#include "caft/core/file.hpp"

namespace caft::zoo {
namespace {

void check(bool ok) {
  if (!ok) throw Error(ErrorKind::unavailable, "OpenSSL cannot compute SHA-256");
}

}  // namespace

std::string sha256_of(const std::vector<std::filesystem::path>& files) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  check(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  std::vector<std::byte> block(std::size_t{1} << 20);
  for (const auto& path : files) {
    const File file = File::open(path);
    const std::uint64_t size = file.size();
    for (std::uint64_t offset = 0; offset < size;) {
      const std::uint64_t left = size - offset;
      const std::span<std::byte> part(block.data(), std::min<std::uint64_t>(block.size(), left));
      file.read_at(offset, part);
      check(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
      offset += part.size();
    }
  }
  std::array<unsigned char, 32> digest{};
  check(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace caft::zoo
