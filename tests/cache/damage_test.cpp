// Whatever happens to the files, nobody is handed wrong features.
#include "cache/index_sql.hpp"
#include "cache/support.hpp"

namespace caft {
namespace {

using namespace cache_test;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string faults_of(const std::filesystem::path& folder) {
  std::string text;
  for (const CacheFault& fault : Cache::open(folder).verify())
    text += fault.file.filename().string() + ": " + fault.what + "\n";
  return text;
}

// In place: to truncate and write again flushes the disk each time.
void put_byte(const std::filesystem::path& file, std::size_t at, char byte) {
  std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(at));
  out.put(byte);
}

TEST(CacheDamage, EveryFlippedBitIsFound) {
  const ScratchFolder scratch;
  {
    Cache cache = make_cache(scratch / "c", DType::f16, static_cast<std::size_t>(cases(4, 2200)));
    fill(cache, 0, 3, 3);
  }
  const std::filesystem::path shard = shards_in(scratch / "c").at(0);
  const std::string whole = slurp(shard);
  const Cache cache = Cache::open(scratch / "c");
  ASSERT_THAT(cache.verify(), IsEmpty());
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    put_byte(shard, bit / 8, static_cast<char>(whole[bit / 8] ^ 1 << bit % 8));
    const std::vector<CacheFault> faults = cache.verify();
    ASSERT_THAT(faults, SizeIs(1)) << "bit " << bit;
    ASSERT_EQ(faults[0].file, shard) << "bit " << bit;
    put_byte(shard, bit / 8, whole[bit / 8]);
  }
  RecordProperty("flips", static_cast<int>(whole.size() * 8));
  EXPECT_GE(whole.size() * 8, static_cast<std::size_t>(cases(5'000, 100'000)));
}

TEST(CacheDamage, NoFlippedBitIsHandedOut) {
  const ScratchFolder scratch;
  {
    Cache cache = make_cache(scratch / "c", DType::f16, 4);
    fill(cache, 0, 3, 3);
  }
  const std::filesystem::path shard = shards_in(scratch / "c").at(0);
  const std::string whole = slurp(shard);
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 5) {
    put_byte(shard, bit / 8, static_cast<char>(whole[bit / 8] ^ 1 << bit % 8));
    const Error error = error_of([&] { (void)Cache::open(scratch / "c").read(keys_of(0, 3)); });
    ASSERT_EQ(error.kind(), ErrorKind::mismatch) << "bit " << bit << ": " << error.what();
    ASSERT_THAT(error.what(), HasSubstr(shard.filename().string()));
    put_byte(shard, bit / 8, whole[bit / 8]);
  }
}

TEST(CacheDamage, EveryTruncationIsFound) {
  const ScratchFolder scratch;
  {
    Cache cache = make_cache(scratch / "c", DType::f16, 4);
    fill(cache, 0, 3, 3);
  }
  const std::filesystem::path shard = shards_in(scratch / "c").at(0);
  const std::string whole = slurp(shard);
  const Cache opened = Cache::open(scratch / "c");
  for (std::size_t size = whole.size(); size-- > 0;) {
    std::filesystem::resize_file(shard, size);
    ASSERT_THAT(opened.verify(), SizeIs(1)) << size;
    ASSERT_EQ(error_of([&] { (void)opened.read(keys_of(0, 3)); }).kind(), ErrorKind::mismatch);
    ASSERT_EQ(error_of([&] { (void)Cache::open(scratch / "c").read(keys_of(0, 3)); }).kind(),
              ErrorKind::mismatch);
  }
  spill(shard, whole + '\0');
  EXPECT_THAT(opened.verify(), SizeIs(1));
  spill(shard, whole);
  EXPECT_THAT(opened.verify(), IsEmpty());
  EXPECT_TRUE(holds(opened, 0, 3));
}

class DamagedCache : public ::testing::Test {
 protected:
  DamagedCache() {
    Cache cache = make_cache(folder_, DType::f16, 16);
    fill(cache, 0, 12, 4);
    shards_ = shards_in(folder_);
  }
  const ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_ / "c";
  std::vector<std::filesystem::path> shards_;
};

TEST_F(DamagedCache, NamesAMissingShardAndComputesItAgain) {
  std::filesystem::remove(shards_[1]);
  EXPECT_THAT(faults_of(folder_), HasSubstr(shards_[1].filename().string()));
  EXPECT_EQ(error_of([&] { (void)Cache::open(folder_).read(keys_of(0, 12)); }).kind(),
            ErrorKind::mismatch);
  EXPECT_TRUE(holds(Cache::open(folder_), 0, 4)) << "the other shards' rows are there";
  Cache cache = make_cache(folder_, DType::f16, 16);
  fill(cache, 0, 12, 4);
  EXPECT_TRUE(holds(Cache::open(folder_), 0, 12));
  EXPECT_THAT(faults_of(folder_), IsEmpty());
}

TEST_F(DamagedCache, NamesAnEmptyShardAndRefusesToAddToIt) {
  spill(shards_[1], "");
  EXPECT_THAT(faults_of(folder_), HasSubstr(shards_[1].filename().string()));
  Cache cache = Cache::open(folder_);
  const Error error = error_of([&] { (void)cache.writer(); });
  EXPECT_EQ(error.kind(), ErrorKind::mismatch);
  EXPECT_THAT(error.what(), HasSubstr(shards_[1].filename().string()));
  EXPECT_THAT(error.what(), HasSubstr("caft cache repair"));
}

TEST_F(DamagedCache, NamesSwappedShards) {
  std::filesystem::rename(shards_[0], folder_ / "x");
  std::filesystem::rename(shards_[1], shards_[0]);
  std::filesystem::rename(folder_ / "x", shards_[1]);
  EXPECT_THAT(Cache::open(folder_).verify(), SizeIs(2));
  EXPECT_THAT(faults_of(folder_), HasSubstr("swapped"));
  EXPECT_EQ(error_of([&] { (void)Cache::open(folder_).read(keys_of(0, 8)); }).kind(),
            ErrorKind::mismatch);
}

TEST_F(DamagedCache, ShardsSwappedBehindAnOpenCacheAreNoticed) {
  const Cache cache = Cache::open(folder_);
  std::filesystem::copy_file(shards_[1], shards_[0],
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(error_of([&] { (void)cache.read(keys_of(0, 4)); }).kind(), ErrorKind::mismatch);
}

TEST_F(DamagedCache, NamesAForeignShard) {
  Cache other = make_cache(scratch_ / "other", DType::f16, 16);
  fill(other, 50, 54, 4);
  const std::filesystem::path foreign = shards_in(scratch_ / "other").at(0);
  std::filesystem::copy_file(foreign, folder_ / "shards" / foreign.filename());
  EXPECT_THAT(faults_of(folder_), HasSubstr("belongs to another cache"));
  Cache cache = Cache::open(folder_);
  (void)cache.writer(quick(), {});  // a writer must not adopt it
  EXPECT_FALSE(Cache::open(folder_).contains(key_of(50)));
  std::filesystem::remove(folder_ / "index.sqlite");
  EXPECT_THAT(error_of([&] { Cache::open(folder_); }).what(), HasSubstr("several caches"));
}

TEST_F(DamagedCache, NamesKeysThatOccurTwice) {
  std::filesystem::rename(shards_[0], folder_ / "kept");
  {
    Cache cache = Cache::open(folder_);
    fill(cache, 0, 12, 4);  // computes the rows of the lost shard again
  }
  std::filesystem::rename(folder_ / "kept", shards_[0]);
  EXPECT_THAT(faults_of(folder_), HasSubstr("not in the index"));
  // The lost shard has come back: its rows would be there twice, so nobody adopts it.
  Cache again = Cache::open(folder_);
  fill(again, 12, 13, 4);
  EXPECT_EQ(Cache::open(folder_).stats().rows, 13u);
  std::filesystem::remove(folder_ / "index.sqlite");
  EXPECT_THAT(faults_of(folder_), HasSubstr("occur twice"));
}

TEST_F(DamagedCache, RebuildsALostIndex) {
  std::filesystem::remove(folder_ / "index.sqlite");
  EXPECT_TRUE(holds(Cache::open(folder_), 0, 12));
  EXPECT_THAT(faults_of(folder_), IsEmpty());
  Cache cache = make_cache(folder_, DType::f16, 16);  // with the same fingerprint
  fill(cache, 0, 20, 4);
  EXPECT_TRUE(holds(Cache::open(folder_), 0, 20));
}

TEST_F(DamagedCache, AJournalOfTheLostIndexDoesNotSpoilTheNewOne) {
  std::filesystem::remove(folder_ / "index.sqlite");
  spill(folder_ / "index.sqlite-journal",
        std::string("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8) + std::string(4096, '\1'));
  EXPECT_TRUE(holds(Cache::open(folder_), 0, 12));
  EXPECT_THAT(faults_of(folder_), IsEmpty());
}

TEST_F(DamagedCache, SaysWhatToDoAboutABrokenIndex) {
  std::string bytes = slurp(folder_ / "index.sqlite");
  std::fill(bytes.begin(), bytes.begin() + 64, '\xff');
  spill(folder_ / "index.sqlite", bytes);
  EXPECT_THAT(error_of([&] { Cache::open(folder_); }).what(), HasSubstr("rebuilt from the shards"));
}

TEST_F(DamagedCache, RefusesANewerFormatAndTouchesNothing) {
  run_sql(folder_, "PRAGMA user_version = 2");
  const std::string before = slurp(folder_ / "index.sqlite");
  const Error error = error_of([&] { make_cache(folder_, DType::f16, 16); });
  EXPECT_EQ(error.kind(), ErrorKind::mismatch);
  EXPECT_THAT(error.what(), HasSubstr("use a newer caft"));
  EXPECT_EQ(slurp(folder_ / "index.sqlite"), before);
  EXPECT_EQ(shards_in(folder_), shards_);
}

TEST_F(DamagedCache, NamesAnIndexThatDisagrees) {
  run_sql(folder_, "UPDATE shard SET rows = rows + 1 WHERE rowid = 1");
  EXPECT_THAT(faults_of(folder_), HasSubstr("not the shard that index.sqlite lists"));
  run_sql(folder_, "UPDATE shard SET rows = rows - 1 WHERE rowid = 1");
  EXPECT_THAT(faults_of(folder_), IsEmpty());
  run_sql(folder_, "UPDATE cache SET uuid = 'another'");
  EXPECT_THAT(faults_of(folder_), HasSubstr("another cache"));
}

TEST_F(DamagedCache, AdoptsAShardThatWasNotIndexedYet) {
  run_sql(folder_, "DELETE FROM shard WHERE rowid = 2");
  EXPECT_THAT(faults_of(folder_), HasSubstr("adopts it"));
  EXPECT_FALSE(Cache::open(folder_).contains(key_of(4)));
  Cache cache = Cache::open(folder_);
  (void)cache.writer(quick(), {});
  EXPECT_TRUE(holds(cache, 0, 12));
  EXPECT_THAT(faults_of(folder_), IsEmpty());
}

TEST_F(DamagedCache, DoesNotAdoptADamagedShard) {
  run_sql(folder_, "DELETE FROM shard WHERE rowid = 2");
  std::string bytes = slurp(shards_[1]);
  bytes[bytes.find("}}") + 200] ^= 4;  // in the features
  spill(shards_[1], bytes);
  Cache cache = Cache::open(folder_);
  (void)cache.writer(quick(), {});
  EXPECT_FALSE(cache.contains(key_of(4)));
  EXPECT_THAT(faults_of(folder_), Not(IsEmpty()));
}

TEST_F(DamagedCache, AManifestThatNamesLostRowsIsAFault) {
  {
    Cache cache = Cache::open(folder_);
    Cache::Writer writer = cache.writer(quick(), {});
    writer.finish("photos", {{"a", key_of(4)}, {"b", key_of(0)}});
  }
  EXPECT_THAT(faults_of(folder_), IsEmpty());
  std::filesystem::remove(shards_[1]);
  run_sql(folder_, "DELETE FROM shard WHERE rowid = 2");
  EXPECT_THAT(faults_of(folder_), HasSubstr("photos has 1 samples that no shard holds"));
}

TEST_F(DamagedCache, AForgedMemoIsForgotten) {
  spill(scratch_ / "a", "content");
  const FileStamp stamp = file_stamp(scratch_ / "a");
  {
    Cache cache = Cache::open(folder_);
    Cache::Writer writer = cache.writer(quick(), {});
    writer.remember("a", stamp, key_of(1));
    writer.commit();
  }
  EXPECT_EQ(Cache::open(folder_).remembered("a", stamp), key_of(1));
  run_sql(folder_, "UPDATE memo SET key = zeroblob(16)");
  EXPECT_EQ(Cache::open(folder_).remembered("a", stamp), std::nullopt);
}

}  // namespace
}  // namespace caft
