#include "head/cuda/gemm.hpp"

#include "caft/core/error.hpp"

namespace caft::cuda {
namespace {

void check_blas(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(ErrorKind::unavailable, std::string(what) + ": " + cublasGetStatusString(status));
}

}  // namespace

Gemm::Gemm(cudaStream_t stream, void* workspace, std::size_t workspace_bytes) {
  cublasHandle_t handle = nullptr;
  check_blas(cublasCreate(&handle), "cuBLAS");
  handle_.reset(handle);
  check_blas(cublasSetStream(handle, stream), "cuBLAS's stream");
  check_blas(cublasSetWorkspace(handle, workspace, workspace_bytes), "cuBLAS's workspace");
}

// cuBLAS knows column-major matrices: to it a row-major one is its transpose, and cT = op(b) op(a).
void Gemm::run(cublasOperation_t first, cublasOperation_t second, std::size_t m, std::size_t n,
               std::size_t k, const Matrix& a, const Matrix& b, float* c, std::size_t ldc) const {
  const float one = 1, zero = 0;
  check_blas(cublasGemmEx(handle_.get(), first, second, static_cast<int>(n), static_cast<int>(m),
                          static_cast<int>(k), &one, b.data, b.type, static_cast<int>(b.ld), a.data,
                          a.type, static_cast<int>(a.ld), &zero, c, CUDA_R_32F,
                          static_cast<int>(ldc), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
             "cuBLAS's product");
}

void Gemm::nt(std::size_t m, std::size_t n, std::size_t k, const Matrix& a, const Matrix& b,
              float* c, std::size_t ldc) const {
  run(CUBLAS_OP_T, CUBLAS_OP_N, m, n, k, a, b, c, ldc);
}

void Gemm::tn(std::size_t m, std::size_t n, std::size_t k, const Matrix& a, const Matrix& b,
              float* c, std::size_t ldc) const {
  run(CUBLAS_OP_N, CUBLAS_OP_T, m, n, k, a, b, c, ldc);
}

void Gemm::nn(std::size_t m, std::size_t n, std::size_t k, const Matrix& a, const Matrix& b,
              float* c, std::size_t ldc) const {
  run(CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, a, b, c, ldc);
}

}  // namespace caft::cuda
