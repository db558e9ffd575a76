// Many linear heads trained together by AdamW or SGD: one product a step serves all of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "head/fused/minibatch_network.hpp"

namespace caft::fused {

/// One head of a stack: its optimiser, learning rate, weight decay and momentum, and its loss.
/// Epochs, batch, schedule, patience and seed are the stack's and must be equal in all of them.
struct StackedHead {
  TrainConfig config;
  const Loss* loss = nullptr;
};

/// What became of one head.
struct StackedOutcome {
  std::vector<float> weight;  ///< [classes, stride] over standardised features; empty: diverged
  int epochs = 0;             ///< whose weights these are
};

/// Trains linear heads that visit the same samples in the same order. Their weights stand under
/// each other in one matrix [heads * classes, stride]; a mini-batch is loaded and standardised once
/// for all of them. Each head gets the bits that the fused trainer gives it alone. With patience, a
/// head whose loss on `stop` has not fallen for that many epochs leaves the stack, and its best
/// epoch's weights are what it returns; else the last epoch's are. Runs on the calling thread
/// alone: stacks are independent, so that cores take one each and never wait for each other.
std::vector<StackedOutcome> train_stack(const StandardizedFeatures& features,
                                        const TrainingData& data,
                                        std::span<const std::uint32_t> train,
                                        std::span<const std::uint32_t> stop,
                                        const std::vector<StackedHead>& heads);

/// How many heads a stack should hold: as many as keep weights and optimiser state within a core's
/// share of the last cache (4 MB), one at least. More would read all of them from memory each step.
std::size_t heads_in_cache(std::size_t stride, std::size_t classes);

}  // namespace caft::fused
