// An ONNX file, read and checked: what it takes, gives and is made of.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace caft::onnx {
class ModelProto;
}

namespace caft {

/// A graph input or output. A size of -1 is dynamic (a name or nothing in the file).
struct OnnxValue {
  std::string name;
  int type = 0;  ///< onnx::TensorProto::DataType
  std::vector<std::int64_t> shape;
};

/// A parsed ONNX model, immutable. Safe to use from many threads. The schema's own types
/// (caft_onnx.pb.h) are for the rooms inside libcaft; their symbols are hidden.
class OnnxModel {
 public:
  /// protobuf's own limit on one message.
  static constexpr std::uint64_t max_bytes = (std::uint64_t{1} << 31) - 1;

  /// Reads and checks a file: that it is an ONNX model, whole, that every initialiser has the data
  /// its shape needs, and that external data stay inside the file's folder. External data are not
  /// read. Throws Error(not_found), or Error(bad_input) on a file that is malformed or over
  /// `limit`.
  static OnnxModel load(const std::filesystem::path& file, std::uint64_t limit = max_bytes);

  OnnxModel(OnnxModel&&) noexcept;
  OnnxModel& operator=(OnnxModel&&) noexcept;
  ~OnnxModel();

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  /// Where external data are looked for.
  [[nodiscard]] std::filesystem::path folder() const;
  [[nodiscard]] const onnx::ModelProto& proto() const { return *proto_; }

  /// Graph inputs in the file's order, without those that are initialisers.
  [[nodiscard]] std::vector<OnnxValue> inputs() const;
  [[nodiscard]] std::vector<OnnxValue> outputs() const;
  /// The operators used, each once, sorted; outside the standard domain as "domain::Op".
  [[nodiscard]] std::vector<std::string> operators() const;
  /// Whether the graph holds QuantizeLinear or DequantizeLinear.
  [[nodiscard]] bool is_quantized() const;
  /// The external files that tensors point to, in the order of first use.
  [[nodiscard]] std::vector<std::filesystem::path> external_files() const;
  /// The file's metadata_props; of a key that is there twice, the last.
  [[nodiscard]] std::map<std::string, std::string> metadata() const;
  /// Version of the standard operator set; 0 when the file imports only others.
  [[nodiscard]] std::int64_t opset() const;

 private:
  OnnxModel(std::filesystem::path file, std::unique_ptr<onnx::ModelProto> proto);
  std::filesystem::path file_;
  std::unique_ptr<onnx::ModelProto> proto_;
};

}  // namespace caft
