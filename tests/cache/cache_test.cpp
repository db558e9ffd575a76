// What goes in comes out: types, resuming, keys, fingerprints, the memo.
#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>

#include <sys/wait.h>

#include "cache/support.hpp"

namespace caft {
namespace {

using namespace cache_test;
using ::testing::AllOf;
using ::testing::HasSubstr;

class CacheOf : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, CacheOf, ::testing::Values(DType::f32, DType::f16),
                         [](const auto& type) { return std::string(to_string(type.param)); });

TEST_P(CacheOf, GivesBackWhatWasStored) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", GetParam(), 37);
  fill(cache, 0, 100, 7);
  EXPECT_TRUE(holds(cache, 0, 100));
  const Cache again = Cache::open(scratch / "c");
  EXPECT_TRUE(holds(again, 0, 100));
  EXPECT_EQ(again.dim(), 37u);
  EXPECT_EQ(again.dtype(), GetParam());
  EXPECT_EQ(again.stats().rows, 100u);
  EXPECT_EQ(again.stats().shards, 15u);
  EXPECT_THAT(again.verify(), ::testing::IsEmpty());
}

TEST_P(CacheOf, ReadsAnySubsetInAnyOrder) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", GetParam(), 200);
  fill(cache, 0, 3000, 311);
  std::mt19937 random(1);
  for (const std::size_t count : {1u, 2u, 63u, 64u, 65u, 1000u, 3000u, 9000u}) {
    std::vector<std::uint64_t> samples(count);
    for (auto& sample : samples) sample = random() % 3000;
    std::vector<SampleKey> keys;
    for (const auto sample : samples) keys.push_back(key_of(sample));
    const FeatureMatrix matrix = cache.read(keys);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(matrix.data.get()) % 64, 0u);
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ(features(matrix, i), row_of(samples[i], 200)) << "of " << count << ", at " << i;
    std::sort(samples.begin(), samples.end());
    const auto distinct = std::unique(samples.begin(), samples.end()) - samples.begin();
    EXPECT_EQ(matrix.rows, static_cast<std::size_t>(distinct)) << "equal keys share a row";
  }
}

TEST(Cache, RoundsToNearestHalf) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", DType::f16, 4);
  {
    Cache::Writer writer = cache.writer(quick(), {});
    writer.append(key_of(1), std::vector<float>{1.0F / 3, 65504.0F, -65504.0F, 1e-8F});
    writer.commit();
  }
  const std::vector<SampleKey> keys = keys_of(1, 2);
  const std::vector<float> row = features(cache.read(keys), 0);
  EXPECT_NEAR(row[0], 1.0 / 3, 1.0 / 3 / 2048);
  EXPECT_EQ(row[1], 65504.0F);
  EXPECT_EQ(row[2], -65504.0F);
  EXPECT_EQ(row[3], 0.0F);
}

TEST(Cache, KeepsSubnormalsAndSignedZerosOfFloats) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", DType::f32, 4);
  const std::vector<float> row{-0.0F, 1e-42F, std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::lowest()};
  {
    Cache::Writer writer = cache.writer(quick(), {});
    writer.append(key_of(1), row);
    writer.commit();
  }
  const std::vector<float> back = features(cache.read(keys_of(1, 2)), 0);
  EXPECT_EQ(std::memcmp(back.data(), row.data(), 16), 0);
}

TEST(Cache, ReadsNothingAsNothing) {
  const ScratchFolder scratch;
  const Cache cache = make_cache(scratch / "c", DType::f16, 8);
  EXPECT_EQ(cache.read({}).rows, 0u);
  EXPECT_THAT(cache.verify(), ::testing::IsEmpty());
}

TEST(Cache, ResumesAndAddsOnlyWhatIsNew) {
  const ScratchFolder scratch;
  for (const std::uint64_t end : {10u, 25u, 25u, 60u}) {
    Cache cache = make_cache(scratch / "c", DType::f16, 16);
    fill(cache, 0, end, 4);
    EXPECT_EQ(cache.stats().rows, end);
  }
  EXPECT_TRUE(holds(Cache::open(scratch / "c"), 0, 60));
}

TEST(Cache, IgnoresAKeyThatIsThere) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", DType::f16, 16);
  Cache::Writer writer = cache.writer(quick(), {});
  writer.append(key_of(1), row_of(1, 16));
  writer.append(key_of(1), row_of(2, 16));  // still in memory
  writer.commit();
  writer.append(key_of(1), row_of(3, 16));  // committed
  writer.commit();
  EXPECT_EQ(cache.stats().rows, 1u);
  EXPECT_TRUE(holds(cache, 1, 2));
}

TEST(Cache, RefusesWhatCannotBeStoredAndStoresNothingOfIt) {
  const ScratchFolder scratch;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const DType dtype : {DType::f32, DType::f16}) {
    Cache cache = make_cache(scratch / std::string(to_string(dtype)), dtype, 19);
    Cache::Writer writer = cache.writer(quick(), {});
    for (const std::size_t at : {0u, 7u, 18u}) {
      for (const float bad : {nan, -nan, infinity, -infinity}) {
        std::vector<float> row = row_of(5, 19);
        row[at] = bad;
        const Error error = error_of([&] { writer.append(key_of(5), row); });
        EXPECT_EQ(error.kind(), ErrorKind::bad_input);
        EXPECT_THAT(error.what(), AllOf(HasSubstr("feature " + std::to_string(at)),
                                        HasSubstr(to_hex(key_of(5)))));
      }
    }
    writer.append(key_of(5), row_of(5, 19));  // the sample itself is not spoilt
    writer.commit();
    EXPECT_EQ(cache.stats().rows, 1u);
    EXPECT_TRUE(holds(cache, 5, 6));
  }
}

TEST(Cache, RefusesWhatHalfCannotHold) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", DType::f16, 3);
  Cache::Writer writer = cache.writer(quick(), {});
  for (const float bad : {65505.0F, -65520.0F, 1e30F}) {
    const Error error = error_of([&] { writer.append(key_of(5), std::vector{0.0F, bad, 1.0F}); });
    EXPECT_EQ(error.kind(), ErrorKind::bad_input);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("feature 1"), HasSubstr("--dtype fp32")));
  }
  writer.commit();
  EXPECT_EQ(cache.stats().rows, 0u);
}

TEST(Cache, RefusesARowOfAnotherLength) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", DType::f16, 8);
  Cache::Writer writer = cache.writer(quick(), {});
  EXPECT_EQ(error_of([&] { writer.append(key_of(1), row_of(1, 7)); }).kind(), ErrorKind::usage);
}

TEST(Cache, CountsTheSamplesThatItLacks) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", DType::f16, 8);
  fill(cache, 0, 10, 4);
  const Error error = error_of([&] { (void)cache.read(keys_of(5, 25)); });
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.what(), HasSubstr("lacks 15 of the 20"));
  EXPECT_TRUE(cache.contains(key_of(9)));
  EXPECT_FALSE(cache.contains(key_of(10)));
}

TEST(Cache, SaysHowFingerprintsDiffer) {
  const ScratchFolder scratch;
  make_cache(scratch / "c", DType::f16, 8);
  Fingerprint other = fingerprint("def");
  other.hard["preprocess"]["size"] = {256, 256};
  const Error error = error_of([&] {
    Cache::open_or_create(scratch / "c", other, {DType::f32, 9});
  });
  EXPECT_EQ(error.kind(), ErrorKind::mismatch);
  EXPECT_THAT(error.what(),
              AllOf(HasSubstr("  feature dim: cache has 8, asked for 9\n"),
                    HasSubstr("  fingerprint.onnx_sha256: cache has \"abc\", asked for \"def\"\n"),
                    HasSubstr("  fingerprint.preprocess.size: cache has [224,224], asked for "
                              "[256,256]\n"),
                    HasSubstr("  stored dtype: cache has \"F16\", asked for \"F32\"")));
  EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("antialias")));
}

TEST(Cache, AcceptsAnotherSoftFingerprintAndRecordsIt) {
  const ScratchFolder scratch;
  make_cache(scratch / "c", DType::f16, 8);
  Fingerprint other = fingerprint();
  other.soft = {{"backend", "another"}};
  Cache cache = Cache::open_or_create(scratch / "c", other, {DType::f16, 8});
  {
    Cache::Writer writer = cache.writer();
    writer.append(key_of(1), row_of(1, 8));
    writer.commit();
  }
  EXPECT_THAT(slurp(shards_in(scratch / "c").at(0)), HasSubstr(R"({\"backend\":\"another\"})"));
}

TEST(Cache, FingerprintIdFollowsTheHardPartAlone) {
  Fingerprint one = fingerprint(), two = fingerprint();
  two.soft = {{"backend", "another"}};
  EXPECT_EQ(one.id(), two.id());
  EXPECT_EQ(one.id().size(), 32u);
  EXPECT_NE(one.id(), fingerprint("def").id());
}

TEST(Cache, OpensOnlyACache) {
  const ScratchFolder scratch;
  EXPECT_EQ(error_of([&] { Cache::open(scratch / "none"); }).kind(), ErrorKind::not_found);
  std::filesystem::create_directories(scratch / "other");
  spill(scratch / "other/index.sqlite", "this is no database, but long enough to be asked about");
  EXPECT_EQ(error_of([&] { Cache::open(scratch / "other"); }).kind(), ErrorKind::bad_input);
}

TEST(Cache, RemembersPathsWhileTheFileIsTheSame) {
  const ScratchFolder scratch;
  spill(scratch / "a.jpg", "content");
  const FileStamp stamp = file_stamp(scratch / "a.jpg");
  {
    Cache cache = make_cache(scratch / "c", DType::f16, 8);
    Cache::Writer writer = cache.writer(quick(), {});
    writer.remember("a.jpg", stamp, key_of(1));
    writer.commit();
    writer.remember("a.jpg", stamp, key_of(7));
    writer.commit();
  }
  const Cache cache = Cache::open(scratch / "c");
  EXPECT_EQ(cache.remembered("a.jpg", stamp), key_of(7));
  EXPECT_EQ(cache.remembered("b.jpg", stamp), std::nullopt);
  spill(scratch / "a.jpg", "CONTENT");
  std::filesystem::last_write_time(scratch / "a.jpg",
                                   std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(cache.remembered("a.jpg", file_stamp(scratch / "a.jpg")), std::nullopt);
  EXPECT_EQ(error_of([&] { file_stamp(scratch / "gone.jpg"); }).kind(), ErrorKind::not_found);
}

TEST(Cache, FinishRecordsTheManifestOfWhatItHolds) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", DType::f16, 8);
  {
    Cache::Writer writer = cache.writer(quick(), {});
    writer.append(key_of(1), row_of(1, 8));
    writer.finish("photos", {{"one", key_of(1)}, {"failed", key_of(2)}, {"twin", key_of(1)}});
    writer.finish("photos", {{"one", key_of(1)}, {"failed", key_of(2)}});
  }
  EXPECT_THAT(cache.verify(), ::testing::IsEmpty());
}

TEST(Cache, ShardsOpenInPython) {
  const ScratchFolder scratch;
  Cache cache = make_cache(scratch / "c", DType::f16, 5);
  fill(cache, 0, 3, 8);
  const std::string shard = shards_in(scratch / "c").at(0).string();
  spill(scratch / "check.py", R"(
import sys, numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file
t = load_file(sys.argv[1])
assert sorted(t) == ["features", "row_checksum", "sample_key", "view"], sorted(t)
assert t["features"].dtype == np.float16 and t["features"].shape == (3, 5)
assert t["sample_key"].dtype == np.uint8 and t["sample_key"].shape == (3, 16)
assert t["view"].dtype == np.uint16 and t["row_checksum"].dtype == np.uint64
want = np.array(eval(sys.argv[2]), dtype=np.float16)
assert (t["features"] == want).all(), (t["features"], want)
assert safe_open(sys.argv[1], "np").metadata()["caft.format"] == "1"
)");
  std::string want = "[";
  for (int i = 0; i < 3; ++i) {
    want += '[';
    for (const float value : row_of(static_cast<std::uint64_t>(i), 5))
      want += std::to_string(value) + "0,";
    want += "],";
  }
  want += ']';
  const std::string command = std::string(CAFT_PYTHON) + " '" + (scratch / "check.py").string() +
                              "' '" + shard + "' '" + want + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace caft
