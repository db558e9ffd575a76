// Matrix products of row-major matrices by cuBLAS, legal inside a stream capture.
#pragma once

#include <cublas_v2.h>

#include <memory>

#include "cuda/runtime.hpp"

namespace caft::cuda {

/// A row-major matrix with a leading dimension, in device memory: all fp16 or all f32.
struct Matrix {
  const void* data = nullptr;
  cudaDataType_t type = CUDA_R_16F;
  std::size_t ld = 0;
};

/// Products with fp32 sums and results. f32 matrices are multiplied in f32 proper, without TF32.
/// The workspace is the handle's own and fixed: the same product gives the same bits.
class Gemm {
 public:
  Gemm(cudaStream_t stream, void* workspace, std::size_t workspace_bytes);

  /// c [m, n] = a [m, k] bT, b [n, k]
  void nt(std::size_t m, std::size_t n, std::size_t k, const Matrix& a, const Matrix& b, float* c,
          std::size_t ldc) const;
  /// c [m, n] = aT b, a [k, m], b [k, n]
  void tn(std::size_t m, std::size_t n, std::size_t k, const Matrix& a, const Matrix& b, float* c,
          std::size_t ldc) const;
  /// c [m, n] = a b, a [m, k], b [k, n]
  void nn(std::size_t m, std::size_t n, std::size_t k, const Matrix& a, const Matrix& b, float* c,
          std::size_t ldc) const;

 private:
  void run(cublasOperation_t first, cublasOperation_t second, std::size_t m, std::size_t n,
           std::size_t k, const Matrix& a, const Matrix& b, float* c, std::size_t ldc) const;

  struct Destroy {
    void operator()(cublasHandle_t handle) const { cublasDestroy(handle); }
  };
  std::unique_ptr<cublasContext, Destroy> handle_;
};

}  // namespace caft::cuda
