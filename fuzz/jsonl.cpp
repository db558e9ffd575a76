// One JSON object a line.
#include "caft/data/dataset.hpp"
#include "target.hpp"

void caft::fuzz::parse(std::span<const std::byte> input) {
  (void)open_dataset(as_file(input, "input.jsonl"));
}
