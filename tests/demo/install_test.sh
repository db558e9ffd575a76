#!/usr/bin/env bash
# Installs caft into a scratch prefix, builds examples/minimal against it with find_package, and runs it.
#
#   install_test.sh BUILD WORK      WORK is what demo_test.py left
set -euo pipefail
build=$1 work=$2
source=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
cmake -S "$source/examples/minimal" -B "$scratch/build" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/prefix" --log-level=WARNING
cmake --build "$scratch/build" >/dev/null
mkdir -p "$scratch/data/defective" "$scratch/data/functional"
for class in defective functional; do
  find "$work/elpv/train/$class" -name '*.png' | sort | sed -n 1,120p | xargs cp -t "$scratch/data/$class"
done
export CAFT_HOME=$work/home
"$scratch/build/minimal" "$scratch/data" "$scratch/model" "$(find "$scratch/data/defective" -name '*.png' | sort | sed -n 1p)" | tee "$scratch/out"
grep -q 'accuracy on 48 held-out images: 0\.[6-9]' "$scratch/out"
# The installed program finds its plugins and its exporter too.
"$scratch/prefix/bin/caft" predict "$scratch/model" "$work/elpv/test/functional" --json > "$scratch/predicted"
grep -q '"probability"' "$scratch/predicted"
"$scratch/prefix/bin/caft" zoo list > "$scratch/zoo"
grep -q resnet50 "$scratch/zoo"
