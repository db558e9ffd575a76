#!/usr/bin/env bash
# Fuzzes every parser of hostile input with libFuzzer under the address and undefined-behaviour sanitizers.
#
#   scripts/fuzz.sh SECONDS [TARGET…]     SECONDS for each target; default: all targets
#
# What libFuzzer learns is kept in build/fuzz/corpus/TARGET, so that the next run goes on from there; an input that
# breaks a target is left in build/fuzz/crashes/TARGET and belongs, once mended, into fuzz/regressions/TARGET.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET…]}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(card csv image jsonl onnx safetensors shard tar)
cmake --preset fuzz --log-level=WARNING
cmake --build --preset fuzz -j "$(nproc)" --target "${targets[@]/#/fuzz_}"
failed=()
one() {
  local target=$1 dir=build/fuzz
  mkdir -p "$dir/corpus/$target" "$dir/crashes/$target"
  local regressions=()
  [ ! -d "fuzz/regressions/$target" ] || regressions=("fuzz/regressions/$target")
  "$dir/bin/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="$dir/crashes/$target/" "$dir/corpus/$target" "$dir/fuzz/seeds/$target" \
    "${regressions[@]}" > "$dir/$target.log" 2>&1
}
for target in "${targets[@]}"; do
  if one "$target"; then
    echo "fuzz: $target: $(grep -o 'number_of_executed_units: *[0-9]*' "build/fuzz/$target.log" | grep -o '[0-9]*$') inputs, no crash"
  else
    echo "fuzz: $target: BROKEN, see build/fuzz/$target.log and build/fuzz/crashes/$target" >&2
    failed+=("$target")
  fi
done
[ ${#failed[@]} -eq 0 ]
