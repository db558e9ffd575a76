#include "head/torch/torch_session.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <mutex>

#include "caft/core/system_info.hpp"

namespace caft {
namespace {
std::mutex session_mutex;
}

TorchSession::TorchSession(int threads) {
  session_mutex.lock();
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  generator_state_ = generator.get_state();
  threads_ = at::get_num_threads();
  at::set_num_threads(threads > 0 ? threads : usable_cores());
}

TorchSession::~TorchSession() {
  {
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    const std::lock_guard lock(generator.mutex());
    generator.set_state(generator_state_);
    at::set_num_threads(threads_);
  }
  session_mutex.unlock();
}

}  // namespace caft
