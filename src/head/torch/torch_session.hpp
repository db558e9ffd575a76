// Sole use of LibTorch's process-wide settings.
#pragma once

#include <torch/torch.h>

namespace caft {

/// Holds LibTorch's thread count and default generator for one training and puts both back at the
/// end. A second session, on another thread, waits for the first: they would share the generator.
class TorchSession {
 public:
  /// `threads` 0: every core this process may use.
  explicit TorchSession(int threads);
  ~TorchSession();
  TorchSession(const TorchSession&) = delete;
  TorchSession& operator=(const TorchSession&) = delete;

 private:
  torch::Tensor generator_state_;
  int threads_;
};

}  // namespace caft
