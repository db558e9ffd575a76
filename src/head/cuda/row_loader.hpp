// Features on their way to the GPU: gathered on the host, copied from pinned memory, standardised
// there.
#pragma once

#include <cuda_fp16.h>

#include <array>
#include <span>

#include "cuda/runtime.hpp"
#include "head/cuda/arena.hpp"
#include "head/fused/features.hpp"
#include "head/fused/thread_team.hpp"

namespace caft::cuda {

/// Writes samples' standardised rows as fp16 to device memory, piece by piece through two pinned
/// buffers: while one is copied and used, the other is filled. Borrows all it is given.
class RowLoader {
 public:
  RowLoader(const TrainingData& data, const fused::StandardizedFeatures& features,
            fused::ThreadTeam& team, std::size_t piece_rows);

  /// Device memory for this loader; once to measure, once for good.
  void place(Arena& arena);
  /// Takes the pinned buffers and puts the statistics on the device. After the second `place`.
  void prepare();

  /// out [samples, stride], ready for what is put on `stream` after this. Returns when the last
  /// sample has been read from the caller's features.
  void load(std::span<const std::uint32_t> samples, __half* out, cudaStream_t stream);

 private:
  void gather(std::span<const std::uint32_t> samples, std::byte* out);

  const TrainingData& data_;
  const fused::StandardizedFeatures& features_;
  fused::ThreadTeam& team_;
  std::size_t piece_rows_, row_bytes_;
  float *mean_ = nullptr, *scale_ = nullptr;
  std::array<std::byte*, 2> raw_{};
  std::array<PinnedBuffer<std::byte>, 2> pinned_;
  std::array<Event, 2> copied_, used_;  ///< of each piece: from its pinned buffer, and all of it
  Stream copies_;
  std::size_t next_ = 0;
};

}  // namespace caft::cuda
