// make_synthetic_cache ROWS DIM OUT [--dtype fp16|fp32] [--classes N] [--seed N]
//
// Writes a cache of seeded random features with class structure, by the library's own writer, and
// OUT/labels.csv (key,label): for measuring training and memory on caches of any size.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "caft/cache/cache.hpp"
#include "caft/core/error.hpp"

namespace {

using namespace caft;

struct Request {
  std::uint64_t rows = 0;
  std::size_t dim = 0;
  std::filesystem::path out;
  DType dtype = DType::f16;
  std::uint32_t classes = 100;
  std::uint32_t seed = 0;
};

constexpr const char* kUsage =
    "usage: make_synthetic_cache ROWS DIM OUT [--dtype fp16|fp32] [--classes N] [--seed N]";

std::uint64_t natural(const std::string& text, std::uint64_t most) {
  std::size_t end = 0;
  std::uint64_t value = 0;
  try {
    value = std::stoull(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  if (end == 0 || end != text.size() || value > most)
    throw Error(ErrorKind::usage, "'" + text + "' is no number up to " + std::to_string(most),
                kUsage);
  return value;
}

Request parse(const std::vector<std::string>& words) {
  if (words.size() < 3 || words.size() % 2 == 0) throw Error(ErrorKind::usage, kUsage);
  Request request;
  request.rows = natural(words[0], 4'000'000'000);
  request.dim = natural(words[1], 1 << 20);
  request.out = words[2];
  for (std::size_t i = 3; i < words.size(); i += 2) {
    const std::string& value = words[i + 1];
    if (words[i] == "--dtype" && (value == "fp16" || value == "fp32"))
      request.dtype = value == "fp16" ? DType::f16 : DType::f32;
    else if (words[i] == "--classes")
      request.classes =
          static_cast<std::uint32_t>(std::max<std::uint64_t>(natural(value, 65535), 1));
    else if (words[i] == "--seed")
      request.seed = static_cast<std::uint32_t>(natural(value, UINT32_MAX));
    else
      throw Error(ErrorKind::usage, kUsage);
  }
  return request;
}

/// Rows around their class's centre. Drawing 4e9 normal numbers takes minutes, so the noise of a
/// row is the sum of two windows, at random places, of one table of normal numbers.
class Rows {
 public:
  explicit Rows(const Request& request)
      : dim_(request.dim),
        random_(request.seed),
        centres_(request.classes * request.dim),
        table_((1 << 20) + request.dim),
        row_(request.dim) {
    std::normal_distribution<float> normal;
    for (float& value : centres_) value = 0.25F * normal(random_);
    for (float& value : table_) value = normal(random_);
  }
  std::span<const float> draw(std::uint32_t label) {
    const float* one = table_.data() + random_() % (1 << 20);
    const float* two = table_.data() + random_() % (1 << 20);
    const float* centre = centres_.data() + label * dim_;
    for (std::size_t i = 0; i < dim_; ++i) row_[i] = centre[i] + 0.75F * one[i] + 0.65F * two[i];
    return row_;
  }
  std::uint32_t label(std::uint32_t classes) {
    return static_cast<std::uint32_t>(random_() % classes);
  }

 private:
  std::size_t dim_;
  std::mt19937_64 random_;
  std::vector<float> centres_, table_, row_;
};

void write(const Request& request) {
  const Fingerprint fingerprint{
      {{"synthetic",
        {{"rows", request.rows}, {"classes", request.classes}, {"seed", request.seed}}}},
      {{"backend", "synthetic"}}};
  Cache cache = Cache::open_or_create(request.out, fingerprint, {request.dtype, request.dim});
  std::FILE* labels = std::fopen((request.out / "labels.csv").c_str(), "w");
  if (labels == nullptr) throw Error(ErrorKind::io, "cannot write " + request.out.string());
  std::fputs("key,label\n", labels);
  const auto begin = std::chrono::steady_clock::now();
  {
    Cache::Writer writer = cache.writer();
    Rows rows(request);
    for (std::uint64_t i = 0; i < request.rows; ++i) {
      const std::uint64_t name[2] = {request.seed, i};
      const SampleKey key = xxh3_128(std::as_bytes(std::span(name)));
      const std::uint32_t label = rows.label(request.classes);
      writer.append(key, rows.draw(label));
      std::fprintf(labels, "%s,%u\n", to_hex(key).c_str(), label);
    }
    writer.commit();
  }
  if (std::fclose(labels) != 0) throw Error(ErrorKind::io, "cannot write " + request.out.string());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const CacheStats stats = cache.stats();
  std::printf("{\"rows\": %llu, \"shards\": %llu, \"bytes\": %llu, \"seconds\": %.3f}\n",
              static_cast<unsigned long long>(stats.rows),
              static_cast<unsigned long long>(stats.shards),
              static_cast<unsigned long long>(stats.bytes), seconds.count());
}

}  // namespace

int main(int count, char** arguments) {
  try {
    write(parse({arguments + 1, arguments + count}));
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "make_synthetic_cache: %s\n", error.what());
    return error.kind() == ErrorKind::usage ? 2 : 1;
  }
}
