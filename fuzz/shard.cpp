// A shard of the cache: header, tables, payload. A shard is refused under another name than its
// own.
#include "cache/shard.hpp"

#include "target.hpp"

void caft::fuzz::parse(std::span<const std::byte> input) {
  check_payload(load_shard(as_file(input, "00000001-0123456789abcdef.safetensors")).shard);
}
