// The writer beside other threads, other writers, readers, and a disk that fails.
#include <cerrno>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

#include "cache/support.hpp"
#include "core/pending_file.hpp"

namespace caft {
namespace {

using namespace cache_test;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Fails the nth call from now on of one system call, for as long as it lives.
class FailingDisk {
 public:
  enum Call { write, fsync, rename };
  FailingDisk(Call call, int nth) : saved_(durability_calls()) {
    left_ = nth;
    calls_ = 0;
    if (call == write)
      durability_calls().write = [](int file, const void* bytes, std::size_t count) {
        if (--left_ > 0) return ::write(file, bytes, std::min<std::size_t>(count, 100));
        errno = ENOSPC;
        return ssize_t{-1};
      };
    if (call == fsync)
      durability_calls().fsync = [](int file) {
        ++calls_;
        if (--left_ != 0) return ::fsync(file);
        errno = EIO;
        return -1;
      };
    if (call == rename)
      durability_calls().rename_new = [](const char*, const char*) {
        errno = EEXIST;
        return -1;
      };
  }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;
  ~FailingDisk() { durability_calls() = saved_; }
  static int calls() { return calls_; }

 private:
  DurabilityCalls saved_;
  static inline std::atomic<int> left_, calls_;
};

class CacheWriter : public ::testing::Test {
 protected:
  const ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_ / "c";
  Cache cache_ = make_cache(folder_, DType::f16, 16);
  const Cache::Writer::Options durable_{
      .shard_bytes = std::size_t{1} << 20, .shard_seconds = 1e6, .durable = true};
};

TEST_F(CacheWriter, ASecondOneIsToldWhoHoldsTheLock) {
  Cache other = Cache::open(folder_);
  {
    const Cache::Writer writer = cache_.writer(quick(), {});
    const Error error = error_of([&] { (void)other.writer(quick(), {}); });
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), HasSubstr("process " + std::to_string(::getpid()) + " on "));
  }
  (void)other.writer(quick(), {});
}

TEST_F(CacheWriter, SeesWhatAnotherHandleWroteBefore) {
  Cache other = Cache::open(folder_);
  fill(cache_, 0, 10, 4);
  fill(other, 0, 12, 4);
  EXPECT_EQ(other.stats().rows, 12u);
  EXPECT_EQ(Cache::open(folder_).stats().rows, 12u);
}

TEST_F(CacheWriter, ManyThreadsAppendAndReadersAreNotDisturbed) {
  constexpr std::uint64_t kRows = 4000;
  std::atomic<bool> over{false};
  std::thread reader([&] {
    while (!over) {
      const std::uint64_t rows = Cache::open(folder_).stats().rows;
      std::vector<SampleKey> there;
      for (std::uint64_t i = 0; i < kRows; ++i)
        if (cache_.contains(key_of(i))) there.push_back(key_of(i));
      EXPECT_LE(rows, cache_.stats().rows);
      const FeatureMatrix matrix = cache_.read(there);
      EXPECT_EQ(matrix.rows, there.size());
    }
  });
  {
    Cache::Writer writer = cache_.writer(quick(100 * 32), {});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        // Two threads offer each sample.
        for (std::uint64_t i = static_cast<std::uint64_t>(t) % 2; i < kRows; i += 2)
          writer.append(key_of(i), row_of(i, 16));
      });
    for (std::thread& thread : threads) thread.join();
    writer.commit();
  }
  over = true;
  reader.join();
  EXPECT_EQ(cache_.stats().rows, kRows);
  EXPECT_GE(cache_.stats().shards, kRows / 2 / 100);
  EXPECT_TRUE(holds(Cache::open(folder_), 0, kRows));
  EXPECT_THAT(cache_.verify(), IsEmpty());
}

TEST_F(CacheWriter, CommitsByItselfWhenAShardIsOldEnough) {
  Cache::Writer writer = cache_.writer(
      {.shard_bytes = std::size_t{1} << 20, .shard_seconds = 0.02, .durable = false}, {});
  writer.append(key_of(0), row_of(0, 16));
  for (int i = 0; i < 1000 && !cache_.contains(key_of(0)); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(cache_.contains(key_of(0)));
}

TEST_F(CacheWriter, WhatIsNotCommittedIsDropped) {
  {
    Cache::Writer writer = cache_.writer(quick(), {});
    writer.append(key_of(0), row_of(0, 16));
  }
  EXPECT_EQ(Cache::open(folder_).stats().rows, 0u);
  EXPECT_THAT(shards_in(folder_), IsEmpty());
}

// Calls 1 and 2 are the shard's and its folder's.
TEST_F(CacheWriter, AFailedFsyncDropsTheShardAndIsNotTriedAgain) {
  for (const int nth : {1, 2}) {
    Cache::Writer writer = cache_.writer(durable_, {});
    writer.append(key_of(0), row_of(0, 16));
    {
      const FailingDisk disk(FailingDisk::fsync, nth);
      EXPECT_EQ(error_of([&] { writer.commit(); }).kind(), ErrorKind::io);
      EXPECT_THAT(error_of([&] { writer.append(key_of(1), row_of(1, 16)); }).what(),
                  HasSubstr("fsync"));
      EXPECT_THAT(error_of([&] { writer.commit(); }).what(), HasSubstr("fsync"));
      EXPECT_EQ(FailingDisk::calls(), nth) << "never retried";
    }
    EXPECT_THAT(shards_in(folder_), IsEmpty());
    EXPECT_EQ(Cache::open(folder_).stats().rows, 0u);
  }
  fill(cache_, 0, 2, 4);
  EXPECT_TRUE(holds(Cache::open(folder_), 0, 2));
}

TEST_F(CacheWriter, AFullDiskIsAnErrorAndLeavesNothing) {
  for (int nth = 1; nth < 12; nth += 5) {
    Cache::Writer writer = cache_.writer(durable_, {});
    for (std::uint64_t i = 0; i < 20; ++i) writer.append(key_of(i), row_of(i, 16));
    const FailingDisk disk(FailingDisk::write, nth);
    const Error error = error_of([&] { writer.commit(); });
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), HasSubstr("No space left"));
    EXPECT_THAT(shards_in(folder_), IsEmpty());
  }
}

// Each write and each fsync of a run fails once, one run each: what was committed before stays, the
// shard that failed leaves nothing, and the next run computes what is not there.
TEST_F(CacheWriter, SurvivesAFaultAtEveryCall) {
  constexpr std::uint64_t kRows = 12;
  for (const FailingDisk::Call call : {FailingDisk::write, FailingDisk::fsync}) {
    int faults = 0;
    for (int nth = 1;; ++nth) {
      const std::filesystem::path folder =
          scratch_ / (std::to_string(call) + "." + std::to_string(nth));
      bool failed = false;
      std::uint64_t committed = 0;
      {
        Cache cache = make_cache(folder, DType::f16, 16);
        Cache::Writer writer = cache.writer(durable_, {});
        const FailingDisk disk(call, nth);
        try {
          for (std::uint64_t i = 0; i < kRows; ++i) {
            writer.append(key_of(i), row_of(i, 16));
            if (i % 4 != 3) continue;
            writer.commit();
            committed = i + 1;
          }
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::io);
          failed = true;
        }
      }
      {
        Cache cache = Cache::open(folder);
        EXPECT_THAT(cache.verify(), IsEmpty());
        EXPECT_EQ(cache.stats().rows, committed);
        EXPECT_EQ(shards_in(folder).size(), committed / 4);
        EXPECT_TRUE(holds(cache, 0, committed));
        fill(cache, 0, kRows, 4);
      }
      EXPECT_TRUE(holds(Cache::open(folder), 0, kRows));
      if (!failed) break;
      ++faults;
    }
    EXPECT_GE(faults, call == FailingDisk::fsync ? 6 : 30);
  }
}

TEST_F(CacheWriter, NeverReplacesAShard) {
  Cache::Writer writer = cache_.writer(durable_, {});
  writer.append(key_of(0), row_of(0, 16));
  const FailingDisk disk(FailingDisk::rename, 1);
  EXPECT_THAT(error_of([&] { writer.commit(); }).what(), HasSubstr("File exists"));
  EXPECT_THAT(shards_in(folder_), IsEmpty());
}

TEST_F(CacheWriter, TheKernelsRenameRefusesAnExistingName) {
  spill(scratch_ / "taken", "old");
  PendingFile file(scratch_ / "taken");
  file.write(std::as_bytes(std::span("new")));
  EXPECT_EQ(error_of([&] { file.publish_new(); }).kind(), ErrorKind::io);
  EXPECT_EQ(slurp(scratch_ / "taken"), "old");
}

TEST_F(CacheWriter, AnErrorOfTheThreadReachesTheProducer) {
  Cache::Writer writer =
      cache_.writer({.shard_bytes = 64, .shard_seconds = 1e6, .durable = true}, {});
  const FailingDisk disk(FailingDisk::fsync, 3);
  const Error error = error_of([&] {
    for (std::uint64_t i = 0; i < 100000; ++i) writer.append(key_of(i), row_of(i, 16));
  });
  EXPECT_THAT(error.what(), HasSubstr("fsync"));
}

TEST_F(CacheWriter, RemovesTemporaryFilesOfAKilledRun) {
  spill(folder_ / "shards/.00000009-0123456789abcdef.safetensors.77-0.tmp", "half a shard");
  EXPECT_THAT(cache_.verify(), IsEmpty());
  (void)Cache::open(folder_);
  EXPECT_EQ(shards_in(folder_).size(), 1u) << "a reader removes nothing: a writer may be at work";
  (void)cache_.writer(quick(), {});
  EXPECT_THAT(shards_in(folder_), IsEmpty());
}

TEST_F(CacheWriter, RemembersMoreThanItHoldsInMemory) {
  FileStamp stamp;
  {
    Cache::Writer writer = cache_.writer(quick(), {});
    for (std::uint64_t i = 0; i < 40000; ++i) {
      stamp.inode = i;
      writer.remember("image" + std::to_string(i), stamp, key_of(i));
    }
    writer.commit();
  }
  for (const std::uint64_t i : {0u, 20000u, 39999u}) {
    stamp.inode = i;
    EXPECT_EQ(cache_.remembered("image" + std::to_string(i), stamp), key_of(i));
  }
}

}  // namespace
}  // namespace caft
