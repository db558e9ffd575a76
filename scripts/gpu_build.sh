#!/usr/bin/env bash
# Compiles and links the GPU libraries, their tests and benchmarks against TensorRT 10 and 11, and checks that caft
# starts and says what is missing where there is no GPU.
#
#   scripts/gpu_build.sh SDK        SDK: the folder that scripts/gpu_sdk.sh made
set -euo pipefail
cd "$(dirname "$0")/.."
sdk=$(realpath "${1:?usage: scripts/gpu_build.sh SDK}")
# The flags of the preset dev, so that ccache has most of it.
common=(-G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -g1" -DCAFT_GPU=ON -DCMAKE_CUDA_COMPILER="$sdk/cuda/bin/nvcc"
  -DCUDAToolkit_ROOT="$sdk/cuda" -DCMAKE_CUDA_ARCHITECTURES=90 -DCAFT_BUILD_BENCH=ON -DCAFT_BUILD_EXAMPLES=OFF
  --log-level=WARNING)
cmake -S . -B build/gpu-10 "${common[@]}" -DTENSORRT_DIR="$sdk/tensorrt-10"
cmake --build build/gpu-10 -j "$(nproc)" --target caft_cli caft_gpu bare_loop head_gpu_bench image_gpu_bench
# TensorRT 11 differs in one library only.
cmake -S . -B build/gpu-11 "${common[@]}" -DTENSORRT_DIR="$sdk/tensorrt-11" -DCAFT_BUILD_TESTS=OFF
cmake --build build/gpu-11 -j "$(nproc)" --target caft_tensorrt
build/gpu-10/bin/caft doctor
