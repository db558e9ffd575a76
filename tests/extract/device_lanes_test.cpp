// The queue and the lanes of an extraction on GPUs, with engines that only say that they are on
// one: the pixels come from the CPU, the threads are the real ones.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "caft/core/error.hpp"
#include "caft/extract/extractor.hpp"
#include "extract/item_queue.hpp"
#include "support/caft_program.hpp"

namespace caft {
namespace {

/// Another engine's work under a GPU's name.
class SaysGpu final : public Engine {
 public:
  SaysGpu(std::shared_ptr<Engine> engine, int device, std::atomic<int>& batches)
      : engine_(std::move(engine)), device_(device), batches_(batches) {}
  [[nodiscard]] const std::vector<TensorInfo>& inputs() const override { return engine_->inputs(); }
  [[nodiscard]] const std::vector<TensorInfo>& outputs() const override {
    return engine_->outputs();
  }
  [[nodiscard]] BatchRange batch() const override { return engine_->batch(); }
  [[nodiscard]] Precision precision() const override { return engine_->precision(); }
  [[nodiscard]] Device device() const override { return {DeviceKind::cuda, device_}; }
  [[nodiscard]] int preferred_contexts() const override { return 2; }
  [[nodiscard]] std::string description() const override { return "reference, as a GPU"; }
  [[nodiscard]] std::unique_ptr<Context> create_context() override {
    class Counting final : public Context {
     public:
      Counting(std::unique_ptr<Context> context, std::atomic<int>& batches)
          : context_(std::move(context)), batches_(batches) {}
      void infer(std::span<const TensorView> inputs, std::span<const TensorView> outputs) override {
        ++batches_;
        context_->infer(inputs, outputs);
      }

     private:
      std::unique_ptr<Context> context_;
      std::atomic<int>& batches_;
    };
    return std::make_unique<Counting>(engine_->create_context(), batches_);
  }

 private:
  std::shared_ptr<Engine> engine_;
  int device_;
  std::atomic<int>& batches_;
};

class DeviceLanes : public testing::Test {
 protected:
  void SetUp() override {
    caft.add_tiny_backbone();
    card = (caft.folder() / "home" / "zoo" / "tiny" / "card.json").string();
    test::write_class_folders(caft.folder() / "data", 3, 30);
    dataset = open_dataset(caft.folder() / "data");
    cpu = open_backbone(card, {.backend = "reference", .batch = 5});
    gpu = cpu;
    gpu.engine = std::make_shared<SaysGpu>(cpu.engine, 0, batches[0]);
    gpu.replicas = {std::make_shared<SaysGpu>(cpu.engine, 1, batches[1])};
  }

  /// Item 7 is skipped, and the last one is no image.
  std::vector<std::vector<float>> rows_of(const Backbone& backbone, const ExtractOptions& options) {
    std::vector<std::vector<float>> rows(dataset.samples.size() + 1);
    std::atomic<int> bad{0};
    const ExtractTask task{
        .count = rows.size(),
        .fetch = [&](std::size_t i) -> std::optional<std::vector<std::byte>> {
          if (i == 7) return std::nullopt;
          if (i == dataset.samples.size()) return std::vector<std::byte>(100, std::byte{1});
          return read_source(dataset.samples[i].source);
        },
        .row = [&](std::size_t i,
                   std::span<const float> row) { rows[i].assign(row.begin(), row.end()); },
        .bad = [&](std::size_t i,
                   const std::string&) { bad += i == dataset.samples.size() ? 1 : 100; }};
    extract(backbone, task, options);
    EXPECT_EQ(bad, 1);
    return rows;
  }

  test::CaftProgram caft;
  std::string card;
  Dataset dataset;
  Backbone cpu, gpu;
  std::atomic<int> batches[2] = {0, 0};
};

TEST_F(DeviceLanes, GiveTheRowsThatWorkersGive) {
  const auto expected = rows_of(cpu, {});
  for (const int lanes : {0, 1, 3})
    EXPECT_EQ(rows_of(gpu, {.workers = lanes, .decode = DecodeWhere::cpu}), expected) << lanes;
  // 89 rows, three times, in batches of 5: only the last of a run may be smaller.
  EXPECT_EQ(batches[0] + batches[1], 3 * 18);
}

TEST_F(DeviceLanes, AnErrorAnywhereEndsTheRun) {
  const auto fetch = [&](std::size_t i) {
    return std::optional(read_source(dataset.samples[i].source));
  };
  const auto ignore = [](std::size_t, const std::string&) {};
  const ExtractTask full{
      .count = dataset.samples.size(),
      .fetch = fetch,
      .row = [](std::size_t, std::span<const float>) { throw Error(ErrorKind::io, "full"); },
      .bad = ignore};
  EXPECT_THROW(extract(gpu, full, {.decode = DecodeWhere::cpu}), Error);
  const ExtractTask broken{.count = dataset.samples.size(),
                           .fetch =
                               [&](std::size_t i) {
                                 if (i == 60) throw Error(ErrorKind::usage, "broken");
                                 return fetch(i);
                               },
                           .row = [](std::size_t, std::span<const float>) {},
                           .bad = ignore};
  EXPECT_THROW(extract(gpu, broken, {.decode = DecodeWhere::cpu}), Error);
}

TEST_F(DeviceLanes, DecodingOnAGpuForAnEngineOnTheCpuIsRefused) {
  const ExtractTask none{};
  EXPECT_THROW(extract(cpu, none, {.decode = DecodeWhere::gpu}), Error);
}

TEST(ItemQueue, LargeItemsMakeSmallBatches) {
  ItemQueue queue(10, 4, 4000);
  std::jthread producer([&] {
    for (std::size_t i = 0; i < 50; ++i)
      queue.push({.index = i, .file = std::vector<std::byte>(700)});
    queue.close();
  });
  std::vector<QueuedItem> batch;
  std::size_t next = 0;
  while (queue.pop(batch)) {
    EXPECT_LE(batch.size(), 2U);  // 1,000 bytes are a batch
    for (const QueuedItem& item : batch) EXPECT_EQ(item.index, next++);
  }
  EXPECT_EQ(next, 50U);
}

}  // namespace
}  // namespace caft
