#!/usr/bin/env bash
# What is needed to compile and link the GPU libraries on a machine that has no GPU and no CUDA toolkit.
#
#   scripts/gpu_sdk.sh DIR
#
# leaves DIR/cuda (nvcc, headers, the libraries to link against: CUDA 13.0, from PyPI), DIR/tensorrt-10 and
# DIR/tensorrt-11 (headers from the crates trtx-sys, libraries from Maven's org.bytedeco:tensorrt, whose redist jar
# holds NVIDIA's own files). Safe to run twice. A machine with a GPU has a toolkit and a TensorRT of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:?usage: scripts/gpu_sdk.sh DIR}"
dir=$(realpath "$1")
say() { printf 'gpu sdk: %s\n' "$1"; }

if [ ! -x "$dir/cuda/bin/nvcc" ]; then
  say "CUDA 13.0 from PyPI"
  # The folder's name is pip's affair; cuda is a link to the toolkit in it.
  .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --upgrade --target "$dir/wheels" \
    -r scripts/gpu_requirements.txt
  root=$dir/wheels/nvidia/cu13
  ln -sfn lib "$root/lib64"  # where nvcc and CMake look
  for library in cudart:13 nvjpeg:13 cublas:13 cublasLt:13; do
    ln -sf "lib${library%:*}.so.${library#*:}" "$root/lib/lib${library%:*}.so"
  done
  ln -sfn "$root" "$dir/cuda"
fi

missing=()
command -v mvn >/dev/null || missing+=(maven)
command -v cargo >/dev/null || missing+=(cargo-web)  # Debian's cargo is too old for these crates
command -v unzip >/dev/null || missing+=(unzip)
if [ ${#missing[@]} -gt 0 ]; then
  say "installing Debian packages: ${missing[*]}"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# tensorrt MAJOR CRATE HEADERS LIBRARIES
tensorrt() {
  local major=$1 crate=$2 headers=$3 version=$4 out=$dir/tensorrt-$1 work
  [ ! -e "$out/.complete" ] || return 0
  say "TensorRT $major: headers ${headers#*-}, libraries $version"
  rm -rf "$out"
  mkdir -p "$out/lib" "$out/include"
  work=$(mktemp -d)
  (cd "$work" && mkdir src && touch src/lib.rs &&
    printf '[package]\nname = "headers"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\ntrtx-sys = "=%s"\n' "$crate" > Cargo.toml &&
    cargo vendor -q vendor >/dev/null)
  cp -r "$work/vendor/trtx-sys/TensorRT-Headers/$headers/." "$out/include/"
  mvn -q dependency:get "-Dartifact=org.bytedeco:tensorrt:$version:jar:linux-x86_64-redist" -Dtransitive=false
  unzip -q -j -o "${MAVEN_REPOSITORY:-$HOME/.m2/repository}/org/bytedeco/tensorrt/$version/tensorrt-$version-linux-x86_64-redist.jar" \
    "*/libnvinfer.so.$major" "*/libnvonnxparser.so.$major" -d "$out/lib"
  for library in nvinfer nvonnxparser; do ln -sf "lib$library.so.$major" "$out/lib/lib$library.so"; done
  rm -rf "$work"
  touch "$out/.complete"
}
tensorrt 10 0.5.0 TRT-Enterprise-10.16 10.6-1.5.11
tensorrt 11 0.9.1 TRT-Enterprise-11.4 11.2-1.5.14
say "done: $dir"
