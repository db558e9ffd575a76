// A table of paths and labels.
#include "caft/data/dataset.hpp"
#include "target.hpp"

void caft::fuzz::parse(std::span<const std::byte> input) {
  (void)open_dataset(as_file(input, "input.csv"));
}
