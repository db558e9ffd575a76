// The backbone card. The files that the seed names are there, so that every field is read.
#include "caft/zoo/card.hpp"

#include "target.hpp"

void caft::fuzz::parse(std::span<const std::byte> input) {
  for (const char* name : {"tiny.onnx", "golden.safetensors"}) (void)as_file({}, name);
  (void)BackboneCard::load(as_file(input, "card.json"));
}
