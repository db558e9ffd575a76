// The inner loops of head training, compiled once for each instruction set and picked at run time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace caft::fused {

/// Constants of one AdamW step (Loshchilov & Hutter 2019, as PyTorch's AdamW computes it).
struct AdamWStep {
  float decay = 1;           ///< 1 - learning_rate * weight_decay
  float step = 0;            ///< learning_rate / (1 - beta1^t)
  float inv_sqrt_bias2 = 1;  ///< 1 / sqrt(1 - beta2^t)
  float one_minus_beta1 = 0.1F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
};

/// Constants of one step of SGD with momentum (PyTorch's formula: dampening 0, no Nesterov).
struct SgdStep {
  float learning_rate = 0, momentum = 0, weight_decay = 0;
};

/// One instruction set's inner loops. Every function is reentrant, needs no alignment, and sums
/// each output element in an order that depends on the inner dimension alone: however a caller
/// splits rows or columns between threads, the results are the same bit for bit.
struct Kernels {
  const char* name;

  /// out[r, c] = bias[c] + sum_k x[r, k] w[c, k]; bias may be null. x [m, k], w [n, k], out [m, n],
  /// row-major with leading dimensions.
  void (*dot)(std::size_t m, std::size_t n, std::size_t k, const float* x, std::size_t ldx,
              const float* w, std::size_t ldw, const float* bias, float* out, std::size_t ldo);

  /// out[i, j] (+)= sum_k a(k, i) b[k, j], where a(k, i) = a[k * a_k + i * a_i]. b [k, n],
  /// out [m, n] row-major with leading dimensions. Adds to `out` when `accumulate`.
  void (*outer)(std::size_t m, std::size_t n, std::size_t k, const float* a, std::size_t a_k,
                std::size_t a_i, const float* b, std::size_t ldb, float* out, std::size_t ldo,
                bool accumulate);

  /// out[i] = (row[i] - mean[i]) * scale[i]
  void (*standardize_f32)(const float* row, std::size_t dim, const float* mean, const float* scale,
                          float* out);
  void (*standardize_f16)(const std::uint16_t* row, std::size_t dim, const float* mean,
                          const float* scale, float* out);

  /// sum[i] += row[i], squares[i] += row[i]^2
  void (*add_moments)(const float* row, std::size_t n, double* sum, double* squares);

  /// a . b, summed in double.
  double (*inner)(const float* a, const float* b, std::size_t n);

  /// to[i] += factor * from[i]
  void (*add_scaled)(float factor, const float* from, std::size_t n, float* to);

  /// Softmax of one row, in place; returns its log-sum-exp.
  float (*softmax)(float* row, std::size_t n);

  /// ReLU, then dropout: unit i is kept when mix(key + i) >= threshold, and scaled by `scale`.
  /// Threshold 0 keeps all.
  void (*relu_dropout)(float* row, std::size_t n, std::uint32_t key, std::uint32_t threshold,
                       float scale);

  /// grad[i] = activation[i] > 0 ? grad[i] * scale : 0: backwards through relu_dropout.
  void (*relu_dropout_backward)(float* grad, const float* activation, std::size_t n, float scale);

  void (*adamw)(float* weight, const float* grad, float* first, float* second, std::size_t n,
                const AdamWStep& step);
  void (*sgd)(float* weight, const float* grad, float* velocity, std::size_t n,
              const SgdStep& step);
};

/// The best set that this CPU runs. Chosen once.
const Kernels& kernels();

/// Every set that this CPU runs, best first: for tests and benchmarks.
const Kernels* const* runnable_kernels(std::size_t& count);

}  // namespace caft::fused
