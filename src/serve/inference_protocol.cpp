#include "serve/inference_protocol.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

#include "caft/core/version.hpp"
#include "model/scoring.hpp"

namespace caft::serve {
namespace {

constexpr const char* kHeaderLength = "inference-header-content-length";

std::size_t parse_size(const std::string& text, const char* what) {
  std::size_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || rest != text.data() + text.size())
    throw HttpError(400, std::string(what) + " is not a number");
  return value;
}

/// One input tensor: its JSON, and its bytes where they came in binary.
struct Tensor {
  std::string name, datatype;
  std::vector<std::size_t> shape;
  const nlohmann::json* data = nullptr;  ///< in the request's document
  bool base64 = false;
  std::optional<std::string_view> binary;
};

Tensor parse_tensor(const nlohmann::json& json, std::string_view& binary) {
  Tensor tensor;
  tensor.name = json.at("name").get<std::string>();
  tensor.datatype = json.at("datatype").get<std::string>();
  for (const nlohmann::json& size : json.at("shape")) {
    const auto length = size.get<std::int64_t>();
    if (length < 0 || length > 1 << 24) throw HttpError(400, "a shape holds an impossible size");
    tensor.shape.push_back(static_cast<std::size_t>(length));
  }
  const nlohmann::json parameters = json.value("parameters", nlohmann::json::object());
  tensor.base64 = parameters.value("content_type", "") == "base64";
  if (parameters.contains("binary_data_size")) {
    const auto size = parameters.at("binary_data_size").get<std::size_t>();
    if (size > binary.size()) throw HttpError(400, "binary_data_size is beyond the body's end");
    tensor.binary = binary.substr(0, size);
    binary.remove_prefix(size);
  } else {
    tensor.data = &json.at("data");
    if (!tensor.data->is_array()) throw HttpError(400, "data is not an array");
  }
  return tensor;
}

void require_images(std::size_t count, const Limits& limits) {
  if (count == 0) throw HttpError(400, "there is no image in the request");
  if (count > limits.images_a_request)
    throw HttpError(
        413, fmt::format("{} images in a request; {} are allowed", count, limits.images_a_request));
}

/// BYTES in binary: each element after its length, 4 bytes little-endian.
std::vector<std::string> binary_elements(std::string_view bytes) {
  std::vector<std::string> elements;
  while (!bytes.empty()) {
    std::uint32_t length = 0;
    if (bytes.size() < sizeof length) throw HttpError(400, "a BYTES tensor ends within a length");
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.remove_prefix(sizeof length);
    if (length > bytes.size()) throw HttpError(400, "a BYTES tensor ends within an element");
    elements.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return elements;
}

std::vector<ImageJob> encoded_images(const Tensor& tensor, const Limits& limits) {
  if (tensor.datatype != "BYTES") throw HttpError(400, "image is BYTES: encoded files");
  std::vector<std::string> elements;
  if (tensor.binary) {
    elements = binary_elements(*tensor.binary);
  } else {
    for (const nlohmann::json& text : *tensor.data) {
      const auto element = text.get<std::string>();
      elements.push_back(tensor.base64 ? decode_base64(element) : element);
    }
  }
  std::size_t count = 1;
  for (const std::size_t size : tensor.shape) count *= std::min<std::size_t>(size, 1 << 20);
  if (tensor.shape.empty() || tensor.shape.size() > 2 || count != elements.size())
    throw HttpError(400, "image's shape does not fit its elements");
  require_images(count, limits);
  std::vector<ImageJob> jobs;
  jobs.reserve(elements.size());
  for (std::string& element : elements) jobs.push_back({.encoded = std::move(element)});
  return jobs;
}

void append_numbers(const nlohmann::json& data, std::vector<std::uint8_t>& out, int depth) {
  for (const nlohmann::json& value : data) {
    if (value.is_array() && depth < 4) {
      append_numbers(value, out, depth + 1);
      continue;
    }
    const auto number = value.get<std::int64_t>();
    if (!value.is_number_integer() || number < 0 || number > 255)
      throw HttpError(400, "pixels holds something that is no number from 0 to 255");
    out.push_back(static_cast<std::uint8_t>(number));
  }
}

std::vector<ImageJob> pixel_images(const Tensor& tensor, const Limits& limits) {
  if (tensor.datatype != "UINT8" || tensor.shape.size() != 4 || tensor.shape[3] != 3)
    throw HttpError(400, "pixels is UINT8 [batch, height, width, 3], RGB");
  require_images(tensor.shape[0], limits);
  const std::size_t height = tensor.shape[1], width = tensor.shape[2];
  if (height == 0 || width == 0 || height * width > limits.pixels)
    throw HttpError(413, fmt::format("an image of {} x {} pixels; {} pixels are allowed", height,
                                     width, limits.pixels));
  std::vector<std::uint8_t> values;
  if (!tensor.binary) append_numbers(*tensor.data, values, 0);
  const auto* bytes =
      tensor.binary ? reinterpret_cast<const std::uint8_t*>(tensor.binary->data()) : values.data();
  const std::size_t one = height * width * 3;
  if ((tensor.binary ? tensor.binary->size() : values.size()) != tensor.shape[0] * one)
    throw HttpError(400, "pixels' shape does not fit its data");
  std::vector<ImageJob> jobs;
  jobs.reserve(tensor.shape[0]);
  for (std::size_t i = 0; i < tensor.shape[0]; ++i) {
    jobs.push_back({.pixels = Image{.width = static_cast<int>(width),
                                    .height = static_cast<int>(height),
                                    .pixels = {bytes + i * one, bytes + (i + 1) * one}}});
  }
  return jobs;
}

std::vector<WantedOutput> parse_outputs(const nlohmann::json& json) {
  const nlohmann::json parameters = json.value("parameters", nlohmann::json::object());
  const bool binary = parameters.value("binary_data_output", false);
  std::vector<WantedOutput> outputs;
  if (!json.contains("outputs") || json.at("outputs").empty())
    return {{"probabilities", binary}, {"class", binary}};
  for (const nlohmann::json& one : json.at("outputs")) {
    const nlohmann::json own = one.value("parameters", nlohmann::json::object());
    WantedOutput output{one.at("name").get<std::string>(), own.value("binary_data", binary),
                        own.value("classification", 0)};
    if (output.name != "probabilities" && output.name != "class")
      throw HttpError(400, "the outputs are probabilities and class");
    outputs.push_back(std::move(output));
  }
  return outputs;
}

/// An output's elements as JSON values and as Triton's binary form.
struct OutputData {
  const char* datatype;
  std::vector<std::size_t> shape;
  nlohmann::json data = nlohmann::json::array();
  std::string binary;

  void text(const std::string& value) {
    data.push_back(value);
    const auto length = static_cast<std::uint32_t>(value.size());
    binary.append(reinterpret_cast<const char*>(&length), sizeof length);
    binary += value;
  }
};

OutputData output_data(const WantedOutput& wanted, const ServedModel& served,
                       const std::vector<std::vector<float>>& rows) {
  const auto& classes = served.model.classes;
  if (wanted.name == "probabilities" && wanted.classification <= 0) {
    OutputData output{"FP32", {rows.size(), classes.size()}};
    for (const std::vector<float>& row : rows) {
      for (const float p : row) output.data.push_back(p);
      output.binary.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
    }
    return output;
  }
  const auto count = static_cast<int>(std::min<std::size_t>(
      static_cast<std::size_t>(std::max(1, wanted.classification)), classes.size()));
  OutputData output{"BYTES", {rows.size()}};
  if (wanted.classification > 0) output.shape.push_back(static_cast<std::size_t>(count));
  for (const std::vector<float>& row : rows) {
    for (const ClassProbability& p : top_classes(row, count)) {
      const std::string& name = classes[static_cast<std::size_t>(p.index)];
      output.text(wanted.classification > 0
                      ? fmt::format("{:.6f}:{}:{}", p.probability, p.index, name)
                      : name);
    }
  }
  return output;
}

}  // namespace

nlohmann::json server_metadata() {
  return {{"name", "caft"},
          {"version", version()},
          {"extensions", {"binary_tensor_data", "classification", "model_repository"}}};
}

nlohmann::json model_metadata(const ServedModel& served, const Backbone& backbone) {
  return {{"name", served.name},
          {"versions", {"1"}},
          {"platform", "caft_" + backbone.backend},
          {"inputs", {{{"name", "image"}, {"datatype", "BYTES"}, {"shape", {-1}}}}},
          {"outputs",
           {{{"name", "probabilities"},
             {"datatype", "FP32"},
             {"shape", {-1, served.model.classes.size()}}},
            {{"name", "class"}, {"datatype", "BYTES"}, {"shape", {-1}}}}},
          {"parameters",
           {{"classes", served.model.classes},
            {"multi_label", served.model.multi_label},
            {"backbone", served.model.backbone.name},
            {"precision", to_string(backbone.engine->precision())}}}};
}

InferRequest parse_infer(const Request& request, const Limits& limits) {
  std::string_view body = request.body, binary;
  if (const std::string length = request.header(kHeaderLength); !length.empty()) {
    const std::size_t size = parse_size(length, "Inference-Header-Content-Length");
    if (size > body.size()) throw HttpError(400, "the inference header is longer than the body");
    binary = body.substr(size);
    body = body.substr(0, size);
  }
  InferRequest parsed;
  try {
    const nlohmann::json json = nlohmann::json::parse(body);
    parsed.id = json.value("id", "");
    parsed.outputs = parse_outputs(json);
    std::vector<Tensor> inputs;
    for (const nlohmann::json& input : json.at("inputs"))
      inputs.push_back(parse_tensor(input, binary));
    if (!binary.empty()) throw HttpError(400, "the body goes on after its binary tensors");
    if (inputs.size() != 1) throw HttpError(400, "one input is taken: image, or pixels");
    if (inputs[0].name == "image") {
      parsed.images = encoded_images(inputs[0], limits);
    } else if (inputs[0].name == "pixels") {
      parsed.images = pixel_images(inputs[0], limits);
    } else {
      throw HttpError(400, "the input is called image, or pixels");
    }
  } catch (const nlohmann::json::exception& error) {
    throw HttpError(400, std::string("the request does not follow the protocol: ") + error.what());
  }
  return parsed;
}

Reply infer_reply(const InferRequest& request, const ServedModel& served,
                  const std::vector<std::vector<float>>& rows) {
  nlohmann::json json = {{"model_name", served.name}, {"model_version", "1"}};
  if (!request.id.empty()) json["id"] = request.id;
  json["outputs"] = nlohmann::json::array();
  std::string binary;
  for (const WantedOutput& wanted : request.outputs) {
    OutputData data = output_data(wanted, served, rows);
    nlohmann::json output = {
        {"name", wanted.name}, {"datatype", data.datatype}, {"shape", data.shape}};
    if (wanted.binary) {
      output["parameters"] = {{"binary_data_size", data.binary.size()}};
      binary += data.binary;
    } else {
      output["data"] = std::move(data.data);
    }
    json["outputs"].push_back(std::move(output));
  }
  Reply reply = json_reply(json);
  if (binary.empty()) return reply;
  reply.type = "application/octet-stream";
  reply.headers.emplace_back("Inference-Header-Content-Length", std::to_string(reply.body.size()));
  reply.body += binary;
  return reply;
}

}  // namespace caft::serve
