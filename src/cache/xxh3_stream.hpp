// XXH3-128 of data that comes in pieces.
#pragma once

#include <xxhash.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "caft/core/hash.hpp"

namespace caft {

/// Gives what xxh3_128 gives for the concatenation of the pieces.
class Xxh3Stream {
 public:
  Xxh3Stream() : state_(XXH3_createState()) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }
  void update(std::span<const std::byte> piece) {
    XXH3_128bits_update(state_.get(), piece.data(), piece.size());
  }
  [[nodiscard]] Key128 digest() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    Key128 key;
    static_assert(sizeof canonical.digest == sizeof key.bytes);
    std::memcpy(key.bytes.data(), canonical.digest, sizeof canonical.digest);
    return key;
  }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

}  // namespace caft
