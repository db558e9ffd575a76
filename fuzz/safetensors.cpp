// The safetensors header, and reading what it names.
#include "caft/core/safetensors.hpp"

#include "target.hpp"

void caft::fuzz::parse(std::span<const std::byte> input) {
  const auto file = SafeTensorsFile::open(as_file(input, "input.safetensors"));
  for (const SafeTensorInfo& tensor : file.tensors()) (void)file.read(tensor.name);
}
