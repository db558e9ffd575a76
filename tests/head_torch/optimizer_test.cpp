#include "head/torch/head_optimizer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "head_torch/expect_error.hpp"

namespace caft {
namespace {

/// Steps two copies of the same parameters through one stream of gradients, with our optimiser and
/// LibTorch's.
template <typename MakeTheirs>
void expect_same_path(const TrainConfig& config, const MakeTheirs& make_theirs) {
  torch::manual_seed(1);
  HeadOptimizer::NamedTensors ours;
  std::vector<torch::Tensor> theirs;
  // The second is larger than one grain, so that the parallel split is exercised.
  for (const std::int64_t size : {7, 100'003}) {
    const torch::Tensor start = torch::randn({size});
    ours.emplace_back(std::to_string(size), start.clone().requires_grad_(true));
    theirs.push_back(start.clone().requires_grad_(true));
  }
  HeadOptimizer optimizer(ours, config);
  auto reference = make_theirs(theirs);
  for (int step = 0; step < 12; ++step) {
    const double rate = 0.01 / (1 + step);
    using Options = typename decltype(reference)::Options;
    static_cast<Options&>(reference.rule.param_groups()[0].options()).lr(rate);
    optimizer.zero_grad();
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      const torch::Tensor gradient = torch::randn_like(theirs[i]).detach();
      ours[i].second.mutable_grad() = gradient;
      theirs[i].mutable_grad() = gradient.clone();
    }
    optimizer.step(rate);
    reference.rule.step();
  }
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    EXPECT_TRUE(torch::allclose(ours[i].second, theirs[i], 1e-5, 1e-6)) << ours[i].first;
  }
}

struct AdamW {
  using Options = torch::optim::AdamWOptions;
  torch::optim::AdamW rule;
};
struct Sgd {
  using Options = torch::optim::SGDOptions;
  torch::optim::SGD rule;
};

TEST(HeadOptimizer, AdamWFollowsLibTorchs) {
  TrainConfig config;
  config.optimizer = Optimizer::adamw;
  config.weight_decay = 0.1;
  expect_same_path(config, [](const std::vector<torch::Tensor>& parameters) {
    return AdamW{
        torch::optim::AdamW(parameters, torch::optim::AdamWOptions(0.01).weight_decay(0.1))};
  });
}

TEST(HeadOptimizer, SgdFollowsLibTorchs) {
  TrainConfig config;
  config.optimizer = Optimizer::sgd;
  config.weight_decay = 0.01;
  config.momentum = 0.8;
  expect_same_path(config, [](const std::vector<torch::Tensor>& parameters) {
    return Sgd{torch::optim::SGD(parameters,
                                 torch::optim::SGDOptions(0.01).weight_decay(0.01).momentum(0.8))};
  });
}

TEST(HeadOptimizer, FrozenParametersAreLeftAloneAndOthersMustBeF32) {
  TrainConfig config;
  config.optimizer = Optimizer::adamw;
  torch::nn::Sequential net(torch::nn::Linear(3, 3), torch::nn::Linear(3, 2));
  HeadOptimizer::NamedTensors named;
  for (const auto& item : net->named_parameters()) {
    if (item.key().front() == '0') item.value().set_requires_grad(false);
    named.emplace_back(item.key(), item.value());
  }
  const torch::Tensor before = net->named_parameters()["0.weight"].clone();
  HeadOptimizer optimizer(named, config);
  net->forward(torch::ones({1, 3})).sum().backward();
  optimizer.step(0.1);
  EXPECT_TRUE(torch::equal(net->named_parameters()["0.weight"], before));
  EXPECT_EQ(optimizer.state().size(),
            4U);  // two states each of weight and bias of the second layer

  torch::Tensor wide = torch::zeros({2}, torch::kDouble).requires_grad_(true);
  testing::expect_error(ErrorKind::usage, "not packed f32", [&] {
    HeadOptimizer({{"wide", wide}}, config);
  });
  testing::expect_error(ErrorKind::usage, "no parameter", [&] { HeadOptimizer({}, config); });
}

}  // namespace
}  // namespace caft
