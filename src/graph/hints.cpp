#include "graph/hints.hpp"

#include <algorithm>
#include <iterator>

namespace caft {
namespace {

struct Hint {
  std::string_view op, hint;
};

constexpr std::string_view kFold =
    "fold it away: caft zoo export --simplify (onnxslim), with a fixed image size";
constexpr std::string_view kFlow =
    "its condition depends on shapes: export at a fixed image size with --simplify";
constexpr std::string_view kText = "it works on text: keep it outside the backbone";
constexpr std::string_view kTraining = "it belongs to training: export the module in eval mode";
constexpr std::string_view kRandom =
    "it draws random numbers: export the module in eval mode, without stochastic depth or dropout";
constexpr std::string_view kSequence =
    "sequences have no tensor form: export with --simplify, or stack the tensors in the module";
constexpr std::string_view kQuantized =
    "quantise in Q/DQ form (QuantizeLinear and DequantizeLinear around float operators), not with "
    "integer operators";

constexpr Hint kHints[] = {
    {"If", kFlow},
    {"Loop", kFlow},
    {"Scan", kFlow},
    {"NonZero", "its output has as many rows as the data say: replace the mask by torch.where"},
    {"Unique", "its output has as many rows as the data say: keep it outside the backbone"},
    {"Compress", "its output has as many rows as the data say: replace the mask by torch.where"},
    {"NonMaxSuppression",
     "keep detection's last step outside the backbone, or use TensorRT's "
     "EfficientNMS plugin (--plugins)"},
    {"RoiAlign", "use TensorRT's ROIAlign plugin (--plugins) or a newer TensorRT"},
    {"DeformConv", "use a plugin (--plugins): TensorRT has no deformable convolution of its own"},
    {"GridSample", "export with --opset 16 or 20 and use TensorRT 8.6 or later"},
    {"LayerNormalization",
     "TensorRT 8.6 or later has it; below, export with --opset 16, which writes "
     "it out in simple operators"},
    {"GroupNormalization", "export with --opset 17, which writes it as InstanceNormalization"},
    {"Gelu", "export with --opset 17, which writes it out with Erf"},
    {"Mish", "export with --opset 17, which writes it out with Softplus and Tanh"},
    {"HardSwish", "export with --opset 13, which writes it as HardSigmoid and Mul"},
    {"Attention", "export with --opset 17, which writes it out in MatMul and Softmax"},
    {"RMSNormalization", "export with --opset 17, which writes it out in simple operators"},
    {"RotaryEmbedding", "export with --opset 17, which writes it out in simple operators"},
    {"Col2Im", "replace torch.nn.Fold by reshape and transpose"},
    {"AffineGrid", "export with --opset 16, which writes it out, or make the grid outside"},
    {"Upsample", "export with --opset 13, which writes Resize"},
    {"Resize",
     "use mode nearest or linear and fixed scales or sizes; antialias is not for engines"},
    {"Dropout", kTraining},
    {"BatchNormalization", kTraining},
    {"Bernoulli", kRandom},
    {"Multinomial", kRandom},
    {"RandomNormal", kRandom},
    {"RandomNormalLike", kRandom},
    {"RandomUniform", kRandom},
    {"RandomUniformLike", kRandom},
    {"SequenceAt", kSequence},
    {"SequenceConstruct", kSequence},
    {"SequenceInsert", kSequence},
    {"SequenceMap", kSequence},
    {"SplitToSequence", kSequence},
    {"ConcatFromSequence", kSequence},
    {"Optional", kSequence},
    {"OptionalGetElement", kSequence},
    {"ConvInteger", kQuantized},
    {"MatMulInteger", kQuantized},
    {"QLinearConv", kQuantized},
    {"QLinearMatMul", kQuantized},
    {"DynamicQuantizeLinear", kQuantized},
    {"StringNormalizer", kText},
    {"TfIdfVectorizer", kText},
    {"RegexFullMatch", kText},
    {"Det", "compute it outside the backbone"},
    {"DFT", "compute it outside the backbone, or use a plugin (--plugins)"},
    {"STFT", "compute it outside the backbone, or use a plugin (--plugins)"},
    {"ConstantOfShape", kFold},
    {"Range", kFold},
    {"EyeLike", kFold},
    {"Size", kFold},
};

}  // namespace

std::string operator_hint(std::string_view op_type) {
  const auto domain = op_type.find("::");
  if (domain != std::string_view::npos && !op_type.starts_with("ai.onnx::")) {
    const std::string name(op_type.substr(0, domain));
    if (name == "com.microsoft") {
      return "ONNX Runtime's own operator: use the model as it was before its optimiser ran";
    }
    return "load the library that brings " + std::string(op_type) +
           " as a TensorRT plugin (--plugins FILE.so), or export it from standard operators";
  }
  const std::string_view op =
      domain == std::string_view::npos ? op_type : op_type.substr(domain + 2);
  const auto* found = std::ranges::find(kHints, op, &Hint::op);
  if (found != std::end(kHints)) return std::string(found->hint);
  return "export again with another operator set (--opset 13, 17 or 19) or --simplify, use a newer "
         "TensorRT, replace the operator, or bring a plugin (--plugins FILE.so)";
}

}  // namespace caft
