// Repair keeps every whole row, takes everything else out, and says what is gone.
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "cache/index_sql.hpp"
#include "cache/support.hpp"
#include "caft/cache/repair.hpp"
#include "core/pending_file.hpp"

namespace caft {
namespace {

using namespace cache_test;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RepairedCache : public ::testing::Test {
 protected:
  RepairedCache() {
    Cache cache = make_cache(folder_, DType::f16, 16);
    fill(cache, 0, 12, 4);
    cache.writer(quick(), {}).finish("photos", {{"a", key_of(0)}, {"b", key_of(11)}});
    shards_ = shards_in(folder_);
  }

  void flip_bit(const std::filesystem::path& file, std::size_t from_end) const {
    std::string bytes = slurp(file);
    bytes[bytes.size() - from_end] ^= 4;
    spill(file, bytes);
  }

  /// What the next run computes: samples of `all` that the cache lacks.
  [[nodiscard]] std::uint64_t to_compute(std::uint64_t all = 12) const {
    const Cache cache = Cache::open(folder_);
    std::uint64_t absent = 0;
    for (std::uint64_t i = 0; i < all; ++i) absent += cache.contains(key_of(i)) ? 0 : 1;
    return absent;
  }

  /// After a repair: computes what is gone, and finds all sound and a second repair idle.
  void expect_whole_again(const CacheRepair& repair) const {
    EXPECT_EQ(to_compute(), repair.rows_gone);
    EXPECT_EQ(Cache::open(folder_).stats().rows, repair.rows_kept);
    Cache cache = make_cache(folder_, DType::f16, 16);
    fill(cache, 0, 12, 4);
    EXPECT_TRUE(holds(Cache::open(folder_), 0, 12));
    EXPECT_THAT(Cache::open(folder_).verify(), IsEmpty());
    const CacheRepair again = repair_cache(folder_);
    EXPECT_THAT(again.quarantined, IsEmpty());
    EXPECT_EQ(again.rows_gone, 0u);
    EXPECT_EQ(again.rows_kept, 12u);
    EXPECT_FALSE(again.new_index);
  }

  static std::string reason_beside(const CacheFault& fault) {
    return slurp(fault.file.string() + ".reason.txt");
  }

  const ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_ / "c";
  std::vector<std::filesystem::path> shards_;
};

TEST_F(RepairedCache, ASoundOneIsLeftAsItIs) {
  const std::string index = slurp(folder_ / "index.sqlite");
  const CacheRepair repair = repair_cache(folder_);
  EXPECT_EQ(repair.rows_kept, 12u);
  EXPECT_EQ(repair.shards_kept, 3u);
  EXPECT_EQ(repair.rows_gone, 0u);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "quarantine"));
  EXPECT_EQ(slurp(folder_ / "index.sqlite"), index);
}

TEST_F(RepairedCache, QuarantinesDamageWhereverItIs) {
  const std::size_t size = std::filesystem::file_size(shards_[1]);
  for (const std::size_t from_end : {size, size - 100, std::size_t{200}, std::size_t{1}}) {
    shards_ = shards_in(folder_);
    const std::string damaged_name = shards_[1].filename().string();
    flip_bit(shards_[1], from_end);
    const std::string damaged = slurp(shards_[1]);
    const CacheRepair repair = repair_cache(folder_);
    ASSERT_THAT(repair.quarantined, SizeIs(1)) << from_end;
    EXPECT_EQ(repair.quarantined[0].file, folder_ / "quarantine" / damaged_name);
    EXPECT_EQ(slurp(repair.quarantined[0].file), damaged) << "moved, not changed";
    EXPECT_EQ(reason_beside(repair.quarantined[0]), repair.quarantined[0].what + "\n");
    EXPECT_EQ(repair.rows_gone, 4u);
    EXPECT_FALSE(repair.new_index);
    expect_whole_again(repair);
  }
}

TEST_F(RepairedCache, QuarantinesTruncatedAndEmptyShards) {
  std::filesystem::resize_file(shards_[0], std::filesystem::file_size(shards_[0]) - 1);
  spill(shards_[2], "");
  const CacheRepair repair = repair_cache(folder_);
  EXPECT_THAT(repair.quarantined, SizeIs(2));
  EXPECT_EQ(repair.rows_gone, 8u);
  expect_whole_again(repair);
}

TEST_F(RepairedCache, ForgetsMissingShards) {
  std::filesystem::remove(shards_[1]);
  const CacheRepair repair = repair_cache(folder_);
  EXPECT_THAT(repair.quarantined, IsEmpty());
  EXPECT_THAT(repair.missing, ::testing::ElementsAre(shards_[1].stem().string()));
  EXPECT_EQ(repair.rows_gone, 4u);
  expect_whole_again(repair);
}

TEST_F(RepairedCache, QuarantinesSwappedShards) {
  std::filesystem::rename(shards_[0], folder_ / "x");
  std::filesystem::rename(shards_[1], shards_[0]);
  std::filesystem::rename(folder_ / "x", shards_[1]);
  const CacheRepair repair = repair_cache(folder_);
  EXPECT_THAT(repair.quarantined, SizeIs(2));
  EXPECT_EQ(repair.rows_gone, 8u);
  expect_whole_again(repair);
}

TEST_F(RepairedCache, QuarantinesForeignShardsThoughTheIndexIsLost) {
  Cache other = make_cache(scratch_ / "other", DType::f16, 16);
  fill(other, 50, 54, 4);
  const std::filesystem::path foreign = shards_in(scratch_ / "other").at(0);
  for (const bool lose_index : {false, true}) {
    std::filesystem::copy_file(foreign, folder_ / "shards" / foreign.filename());
    if (lose_index) std::filesystem::remove(folder_ / "index.sqlite");
    const CacheRepair repair = repair_cache(folder_);
    ASSERT_THAT(repair.quarantined, SizeIs(1));
    EXPECT_THAT(repair.quarantined[0].what, HasSubstr("belongs to another cache"));
    EXPECT_EQ(repair.rows_gone, 0u);
    EXPECT_EQ(repair.new_index, lose_index);
    EXPECT_FALSE(Cache::open(folder_).contains(key_of(50)));
    expect_whole_again(repair);
  }
}

TEST_F(RepairedCache, QuarantinesAShardThatCameBack) {
  std::filesystem::rename(shards_[0], folder_ / "kept");
  {
    Cache cache = Cache::open(folder_);
    fill(cache, 0, 12, 4);
  }
  std::filesystem::rename(folder_ / "kept", shards_[0]);
  const CacheRepair repair = repair_cache(folder_);
  ASSERT_THAT(repair.quarantined, SizeIs(1));
  EXPECT_EQ(repair.quarantined[0].file.filename(), shards_[0].filename());
  EXPECT_THAT(repair.quarantined[0].what, HasSubstr("repeats rows"));
  EXPECT_EQ(repair.rows_gone, 0u);
  expect_whole_again(repair);
}

TEST_F(RepairedCache, AdoptsWholeShardsThatTheIndexDoesNotList) {
  run_sql(folder_, "DELETE FROM shard WHERE rowid = 2");
  const CacheRepair repair = repair_cache(folder_);
  EXPECT_EQ(repair.rows_adopted, 4u);
  EXPECT_EQ(repair.rows_gone, 0u);
  EXPECT_EQ(repair.rows_kept, 12u);
  expect_whole_again(repair);
}

TEST_F(RepairedCache, MendsAnIndexThatDisagrees) {
  run_sql(folder_, "UPDATE shard SET rows = rows + 1 WHERE rowid = 1");
  const CacheRepair repair = repair_cache(folder_);
  EXPECT_EQ(repair.rows_gone, 0u);
  expect_whole_again(repair);
}

TEST_F(RepairedCache, ReplacesABrokenIndexAndKeepsIt) {
  std::string bytes = slurp(folder_ / "index.sqlite");
  std::fill(bytes.begin(), bytes.begin() + 64, '\xff');
  spill(folder_ / "index.sqlite", bytes);
  flip_bit(shards_[2], 1);
  const CacheRepair repair = repair_cache(folder_);
  EXPECT_TRUE(repair.new_index);
  EXPECT_THAT(repair.quarantined, SizeIs(2));
  EXPECT_EQ(slurp(folder_ / "quarantine/index.sqlite"), bytes);
  EXPECT_EQ(repair.rows_kept, 8u);
  EXPECT_EQ(repair.rows_gone + repair.uncounted, 1u) << "nobody knows what that shard held";
  EXPECT_EQ(to_compute(), 4u);
}

TEST_F(RepairedCache, AnIndexOfAnotherCacheIsReplaced) {
  run_sql(folder_, "UPDATE cache SET uuid = 'another'");
  const CacheRepair repair = repair_cache(folder_);
  EXPECT_TRUE(repair.new_index);
  EXPECT_EQ(repair.rows_kept, 12u);
  expect_whole_again(repair);
}

TEST_F(RepairedCache, TouchesNothingOfANewerFormat) {
  run_sql(folder_, "PRAGMA user_version = 2");
  flip_bit(shards_[0], 1);
  EXPECT_THAT(error_of([&] { repair_cache(folder_); }).what(), HasSubstr("use a newer caft"));
  EXPECT_EQ(shards_in(folder_), shards_);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "quarantine"));
}

TEST_F(RepairedCache, GivesUpWhereNothingSaysWhatItHeld) {
  std::filesystem::remove(folder_ / "index.sqlite");
  for (const std::filesystem::path& shard : shards_) spill(shard, "");
  EXPECT_EQ(error_of([&] { repair_cache(folder_); }).kind(), ErrorKind::mismatch);
  EXPECT_EQ(shards_in(folder_), shards_);
  std::filesystem::create_directory(scratch_ / "empty");
  EXPECT_EQ(error_of([&] { repair_cache(scratch_ / "empty"); }).kind(), ErrorKind::not_found);
  EXPECT_TRUE(std::filesystem::is_empty(scratch_ / "empty"));
}

// A repair that the disk stops at any of its calls has lost nothing, and the next one finishes it.
TEST_F(RepairedCache, SurvivesAFaultAtEveryCall) {
  std::filesystem::rename(folder_, scratch_ / "sound");
  const auto copy = [&] {
    std::filesystem::remove_all(folder_);
    std::filesystem::copy(scratch_ / "sound", folder_, std::filesystem::copy_options::recursive);
  };
  static int left;
  const DurabilityCalls kernel = durability_calls();
  const DurabilityCalls failing{[](int file, const void* bytes, std::size_t count) {
                                  if (--left != 0)
                                    return ::write(file, bytes, std::min<std::size_t>(count, 50));
                                  errno = ENOSPC;
                                  return ssize_t{-1};
                                },
                                [](int file) {
                                  if (--left != 0) return ::fsync(file);
                                  errno = EIO;
                                  return -1;
                                },
                                [](const char* from, const char* to) {
                                  if (--left != 0) return std::rename(from, to);
                                  errno = EIO;
                                  return -1;
                                }};
  for (const bool lose_index : {false, true}) {
    int faults = 0;
    for (int nth = 1;; ++nth) {
      copy();
      flip_bit(shards_[1], 1);
      if (lose_index) spill(folder_ / "index.sqlite", "no database at all, but a text");
      left = nth;
      bool failed = false;
      durability_calls() = failing;
      try {
        repair_cache(folder_);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::io) << error.what();
        failed = true;
      }
      durability_calls() = kernel;
      repair_cache(folder_);
      EXPECT_EQ(to_compute(), 4u);
      EXPECT_THAT(shards_in(folder_), SizeIs(2));
      EXPECT_TRUE(std::filesystem::exists(folder_ / "quarantine" / shards_[1].filename()));
      const Cache cache = Cache::open(folder_);
      EXPECT_TRUE(holds(cache, 0, 4) && holds(cache, 8, 12));
      if (!failed) break;
      ++faults;
    }
    EXPECT_GE(faults, 6);
  }
}

TEST_F(RepairedCache, IsRefusedBesideAWriter) {
  Cache cache = Cache::open(folder_);
  const Cache::Writer writer = cache.writer(quick(), {});
  EXPECT_EQ(error_of([&] { repair_cache(folder_); }).kind(), ErrorKind::io);
}

}  // namespace
}  // namespace caft
