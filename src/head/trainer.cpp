#include "caft/head/trainer.hpp"

#include "caft/core/error.hpp"
#include "core/plugin.hpp"
#include "head/fused/fused_trainer.hpp"

namespace caft {

std::string_view to_string(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::lbfgs:
      return "lbfgs";
    case Optimizer::adamw:
      return "adamw";
    case Optimizer::sgd:
      break;
  }
  return "sgd";
}

std::unique_ptr<HeadTrainer> make_trainer(const std::string& head) {
  if (head == "linear" || head == "mlp") return std::make_unique<fused::FusedTrainer>();
  if (head == "vgg") {
    using Maker = HeadTrainer* (*)(const char*);
    const auto make =
        reinterpret_cast<Maker>(plugin_symbol("caft_torch", "caft_make_torch_trainer"));
    return std::unique_ptr<HeadTrainer>(make(head.c_str()));
  }
  throw Error(ErrorKind::usage, "there is no head called \"" + head + "\"",
              "use linear, mlp or vgg");
}

}  // namespace caft
