// libFuzzer's entry points.
#include <cstdint>

#include "caft/core/error.hpp"
#include "target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    caft::fuzz::parse(std::as_bytes(std::span(data, size)));
  } catch (const caft::Error&) {
    // Refused with a message: what hostile input should come to.
  }
  return 0;
}
