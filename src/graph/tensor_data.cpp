#include "graph/tensor_data.hpp"

#include <bit>
#include <cstring>
#include <string>

#include "caft/core/dtype.hpp"
#include "caft/core/error.hpp"
#include "caft/core/file.hpp"
#include "caft_onnx.pb.h"
#include "graph/external_data.hpp"

static_assert(std::endian::native == std::endian::little, "ONNX raw_data is little-endian");

namespace caft {
namespace {

using onnx::TensorProto;

constexpr std::uint64_t max_elements = std::uint64_t{1} << 40;

[[noreturn]] void reject(const TensorProto& tensor, const std::string& why) {
  throw Error(ErrorKind::bad_input, "tensor '" + tensor.name() + "' " + why);
}

std::uint64_t element_size(int type) noexcept {
  switch (type) {
    case TensorProto::BOOL:
    case TensorProto::INT8:
    case TensorProto::UINT8:
    case TensorProto::FLOAT8E4M3FN:
    case TensorProto::FLOAT8E4M3FNUZ:
    case TensorProto::FLOAT8E5M2:
    case TensorProto::FLOAT8E5M2FNUZ:
      return 1;
    case TensorProto::INT16:
    case TensorProto::UINT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return 2;
    case TensorProto::FLOAT:
    case TensorProto::INT32:
    case TensorProto::UINT32:
      return 4;
    case TensorProto::DOUBLE:
    case TensorProto::INT64:
    case TensorProto::UINT64:
    case TensorProto::COMPLEX64:
      return 8;
    case TensorProto::COMPLEX128:
      return 16;
    default:
      return 0;
  }
}

/// How many values the typed field of this type holds.
std::uint64_t typed_count(const TensorProto& tensor) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return static_cast<std::uint64_t>(tensor.float_data_size());
    case TensorProto::COMPLEX64:
      return static_cast<std::uint64_t>(tensor.float_data_size()) / 2;
    case TensorProto::DOUBLE:
      return static_cast<std::uint64_t>(tensor.double_data_size());
    case TensorProto::COMPLEX128:
      return static_cast<std::uint64_t>(tensor.double_data_size()) / 2;
    case TensorProto::INT64:
      return static_cast<std::uint64_t>(tensor.int64_data_size());
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      return static_cast<std::uint64_t>(tensor.uint64_data_size());
    default:
      return static_cast<std::uint64_t>(tensor.int32_data_size());
  }
}

template <typename To, typename Field>
void pack(const Field& field, std::vector<std::byte>& out) {
  std::size_t at = 0;
  for (const auto value : field) {
    const To narrowed = static_cast<To>(value);
    std::memcpy(out.data() + at, &narrowed, sizeof narrowed);
    at += sizeof narrowed;
  }
}

/// Small types travel in int32_data, one value an entry.
void unpack_typed(const TensorProto& tensor, std::vector<std::byte>& out) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
    case TensorProto::COMPLEX64:
      pack<float>(tensor.float_data(), out);
      break;
    case TensorProto::DOUBLE:
    case TensorProto::COMPLEX128:
      pack<double>(tensor.double_data(), out);
      break;
    case TensorProto::INT64:
      pack<std::int64_t>(tensor.int64_data(), out);
      break;
    case TensorProto::UINT64:
      pack<std::uint64_t>(tensor.uint64_data(), out);
      break;
    case TensorProto::UINT32:
      pack<std::uint32_t>(tensor.uint64_data(), out);
      break;
    case TensorProto::INT32:
      pack<std::int32_t>(tensor.int32_data(), out);
      break;
    default:
      if (element_size(tensor.data_type()) == 2) {
        pack<std::uint16_t>(tensor.int32_data(), out);
      } else {
        pack<std::uint8_t>(tensor.int32_data(), out);
      }
  }
}

template <typename From, typename To>
std::vector<To> convert(const TensorData& data) {
  std::vector<To> values(data.bytes.size() / sizeof(From));
  for (std::size_t i = 0; i < values.size(); ++i) {
    From value;
    std::memcpy(&value, data.bytes.data() + i * sizeof value, sizeof value);
    values[i] = static_cast<To>(value);
  }
  return values;
}

}  // namespace

std::uint64_t element_count(const TensorProto& tensor) {
  std::uint64_t count = 1;
  for (const std::int64_t size : tensor.dims()) {
    if (size < 0) reject(tensor, "has a negative size");
    const auto factor = static_cast<std::uint64_t>(size);
    if (factor != 0 && count > max_elements / factor) reject(tensor, "is too large");
    count *= factor;
  }
  return count;
}

std::uint64_t byte_count(const TensorProto& tensor) {
  const std::uint64_t size = element_size(tensor.data_type());
  if (size == 0) {
    reject(tensor,
           "has element type " + std::to_string(tensor.data_type()) + ", which caft does not read");
  }
  return element_count(tensor) * size;
}

void check_tensor(const TensorProto& tensor, const std::filesystem::path& folder) {
  // Strings and 4-bit types are the engines' business; they have no external form to abuse.
  const bool external = tensor.data_location() == TensorProto::EXTERNAL;
  if (element_size(tensor.data_type()) == 0) {
    if (external) reject(tensor, "keeps a type without a byte size in external data");
    element_count(tensor);
    return;
  }
  const std::uint64_t bytes = byte_count(tensor);
  if (external) {
    resolve_external(tensor, folder, bytes);
  } else if (tensor.has_raw_data()) {
    if (tensor.raw_data().size() != bytes) {
      reject(tensor, "has " + std::to_string(tensor.raw_data().size()) +
                         " bytes of data, its shape needs " + std::to_string(bytes));
    }
  } else if (typed_count(tensor) != element_count(tensor)) {
    reject(tensor, "has " + std::to_string(typed_count(tensor)) + " values, its shape needs " +
                       std::to_string(element_count(tensor)));
  }
}

TensorData read_tensor(const TensorProto& tensor, const std::filesystem::path& folder) {
  check_tensor(tensor, folder);
  const std::uint64_t bytes = byte_count(tensor);
  TensorData data{tensor.data_type(), {tensor.dims().begin(), tensor.dims().end()}, {}};
  data.bytes.resize(bytes);
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    const ExternalRange range = resolve_external(tensor, folder, bytes);
    File::open(range.file).read_at(range.offset, data.bytes);
  } else if (tensor.has_raw_data()) {
    std::memcpy(data.bytes.data(), tensor.raw_data().data(), bytes);
  } else {
    unpack_typed(tensor, data.bytes);
  }
  return data;
}

bool is_float_type(int type) noexcept {
  return type == TensorProto::FLOAT || type == TensorProto::DOUBLE ||
         type == TensorProto::FLOAT16 || type == TensorProto::BFLOAT16;
}

std::vector<float> to_floats(const TensorData& data) {
  switch (data.type) {
    case TensorProto::FLOAT:
      return convert<float, float>(data);
    case TensorProto::DOUBLE:
      return convert<double, float>(data);
    case TensorProto::FLOAT16: {
      const auto bits = convert<std::uint16_t, std::uint16_t>(data);
      std::vector<float> values(bits.size());
      half_to_float(bits.data(), values.data(), bits.size());
      return values;
    }
    case TensorProto::BFLOAT16: {
      std::vector<float> values;
      for (const auto bits : convert<std::uint16_t, std::uint32_t>(data)) {
        values.push_back(std::bit_cast<float>(bits << 16));
      }
      return values;
    }
    default:
      throw Error(ErrorKind::bad_input, "a tensor of ONNX type " + std::to_string(data.type) +
                                            " stands where floats must");
  }
}

std::vector<std::int64_t> to_integers(const TensorData& data) {
  switch (data.type) {
    case TensorProto::INT64:
      return convert<std::int64_t, std::int64_t>(data);
    case TensorProto::INT32:
      return convert<std::int32_t, std::int64_t>(data);
    case TensorProto::UINT32:
      return convert<std::uint32_t, std::int64_t>(data);
    case TensorProto::INT16:
      return convert<std::int16_t, std::int64_t>(data);
    case TensorProto::UINT16:
      return convert<std::uint16_t, std::int64_t>(data);
    case TensorProto::INT8:
      return convert<std::int8_t, std::int64_t>(data);
    case TensorProto::BOOL:
    case TensorProto::UINT8:
      return convert<std::uint8_t, std::int64_t>(data);
    case TensorProto::UINT64: {
      auto values = convert<std::uint64_t, std::int64_t>(data);
      for (const std::int64_t value : values) {
        if (value < 0) throw Error(ErrorKind::bad_input, "an ONNX integer is beyond 2^63");
      }
      return values;
    }
    default:
      throw Error(ErrorKind::bad_input, "a tensor of ONNX type " + std::to_string(data.type) +
                                            " stands where integers must");
  }
}

}  // namespace caft
