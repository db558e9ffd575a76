// Writes the shard that fuzzing of shards starts from.
//
//   make_shard FOLDER
#include <cstdio>
#include <exception>

#include "cache/shard.hpp"
#include "caft/core/hash.hpp"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
    return 2;
  }
  try {
    caft::CacheIdentity cache{"01234567-89ab-cdef-0123-456789abcdef", R"({"dim":8})",
                              caft::DType::f16, 8};
    caft::ShardBuffer rows;
    for (unsigned row = 0; row < 3; ++row) {
      const std::vector<std::byte> features(16, static_cast<std::byte>(row));
      rows.features.insert(rows.features.end(), features.begin(), features.end());
      rows.keys.push_back(caft::xxh3_128(features));
      rows.row_checksums.push_back(caft::xxh3_64(features));
    }
    (void)caft::write_shard(arguments[1], "00000001-0123456789abcdef", cache, "{}", rows, false);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
