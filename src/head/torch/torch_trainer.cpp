// The HeadTrainer for "vgg", and the door through which libcaft opens it.
#include <memory>
#include <string>

#include "caft/core/error.hpp"
#include "caft/torch/train.hpp"
#include "core/plugin.hpp"
#include "head/torch/fit.hpp"
#include "head/torch/prepared_data.hpp"
#include "head/torch/sample_source.hpp"
#include "head/torch/torch_session.hpp"
#include "head/torch/vgg_head.hpp"

namespace caft {
namespace {

class VggTrainer final : public HeadTrainer {
 public:
  TrainOutcome train(const TrainingData& data, const TrainConfig& config,
                     ProgressSink* progress) override {
    const PreparedData prepared(data, config);
    const TorchSession session(config.threads);
    const SampleSource source(prepared.get());
    source.require_finite();
    const Standardization scale = standardization_of(source, prepared.get().train);

    torch::manual_seed(config.seed);  // initial weights
    const std::int64_t width = config.hidden == TrainConfig{}.hidden ? 4096 : config.hidden;
    torch::nn::Sequential module =
        make_vgg_head(static_cast<std::int64_t>(data.features.dim), width,
                      static_cast<std::int64_t>(data.classes), config.dropout);
    const ForwardFunction forward = [&](const torch::Tensor& x) { return module->forward(x); };
    ModuleOutcome trained = fit({*module, forward, source, config, &scale, "vgg", progress});

    TrainOutcome outcome;
    outcome.head = fold_to_head(module, scale, "vgg");
    outcome.history = std::move(trained.history);
    outcome.seconds = trained.seconds;
    outcome.epoch_ms = trained.epoch_ms;
    outcome.temperature = trained.temperature;
    outcome.scored = std::move(trained.scored);
    outcome.scored_logits = std::move(trained.scored_logits);
    outcome.details = {
        {"best_epoch", trained.best_epoch}, {"hidden", width}, {"libtorch", TORCH_VERSION}};
    return outcome;
  }
};

}  // namespace

std::unique_ptr<HeadTrainer> make_torch_trainer(const std::string& head) {
  if (head == "vgg") return std::make_unique<VggTrainer>();
  throw Error(ErrorKind::usage, "LibTorch trains no head called \"" + head + "\"", "use vgg");
}

}  // namespace caft

CAFT_PLUGIN_VERSION

extern "C" caft::HeadTrainer* caft_make_torch_trainer(const char* head) {
  return caft::make_torch_trainer(head).release();
}
