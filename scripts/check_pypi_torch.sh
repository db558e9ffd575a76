#!/usr/bin/env bash
# Builds the LibTorch library and its tests against PyPI's torch (CAFT_TORCH) instead of Debian's, and runs them.
#
#   scripts/check_pypi_torch.sh [DIR]     default: build/pypi-torch
#
# leaves DIR/venv (the pinned wheel, 540 MB, and the two CUDA libraries that its shared libraries name) and DIR/tree
# (the build). Safe to run twice. CAFT_TORCH names a torch package that is there already, instead of the download.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-build/pypi-torch}"
dir=$(realpath "${1:-build/pypi-torch}")
say() { printf 'pypi torch: %s\n' "$1"; }

torch=${CAFT_TORCH:-}
if [ -z "$torch" ]; then
  requirements=scripts/pypi_torch_requirements.txt
  if ! cmp -s "$requirements" "$dir/venv/.caft-installed"; then
    say "installing $(head -1 "$requirements") into $dir/venv"
    [ -x "$dir/venv/bin/python" ] || /usr/bin/python3 -m venv "$dir/venv"
    # Its other dependencies serve Python and the GPU only: gigabytes that C++ on a CPU never opens.
    "$dir/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r "$requirements"
    cp "$requirements" "$dir/venv/.caft-installed"
  fi
  torch=$(echo "$dir"/venv/lib/python3*/site-packages/torch)
fi

say "building with CAFT_TORCH=$torch"
cmake --preset dev -B "$dir/tree" -DCAFT_TORCH="$torch" -DCAFT_PYTHON="$PWD/.venv/bin/python" \
  -DCAFT_BUILD_EXAMPLES=OFF --log-level=WARNING
grep -q "^CAFT_TORCH:PATH=$torch$" "$dir/tree/CMakeCache.txt"
cmake --build "$dir/tree" -j "${JOBS:-$(nproc)}" --target head_torch_test head_torch_plugin_test
case $(ldd "$dir/tree/lib/libcaft_torch.so") in
  *"$torch/lib/libtorch_cpu.so"*) ;;
  *) say "libcaft_torch.so was linked with another LibTorch"; exit 1 ;;
esac
ctest --test-dir "$dir/tree/tests/head_torch" -j "${JOBS:-$(nproc)}" --output-on-failure --no-tests=error
