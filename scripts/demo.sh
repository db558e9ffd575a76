#!/usr/bin/env bash
# The main job on real photographs: EfficientNet-Lite0 (ImageNet weights) on ELPV, 2,624 solar cells.
#
#   scripts/demo.sh CAFT OUT
#
# Every choice is made inside the 1,968 training cells; the 656 held-out ones are scored once. Cells are square and
# their edges matter, so the whole cell is shown to the backbone (--squash) instead of its centre.
set -euo pipefail
caft=$1 out=$2
cd "$(dirname "$0")/.."
mkdir -p "$out"
export CAFT_HOME=${CAFT_HOME:-$(realpath "$out")/home}
PYTHONPATH=python .venv/bin/python -m caft_export elpv --out "$out/elpv" >/dev/null
if ! "$caft" zoo show efficientnet_lite0 --json | grep -q '"onnx_sha256"'; then
  echo "exporting EfficientNet-Lite0"
  "$caft" zoo export efficientnet_lite0 --weights default
fi
"$caft" cache "$out/elpv" --backbone efficientnet_lite0 --squash --json > "$out/cache.json"
"$caft" train "$out/elpv" --backbone efficientnet_lite0 --squash --out "$out/model" --json > "$out/train.json"
"$caft" eval "$out/model" "$out/elpv" --json > "$out/eval.json"
cp "$out/model/report.html" "$out/report.html"
.venv/bin/python - "$out" <<'P'
import json, sys
out = sys.argv[1]
cache, train, evaluation = (json.load(open(f"{out}/{name}.json")) for name in ("cache", "train", "eval"))
print(f"cached {cache['computed']} of {cache['samples']} images in {cache['seconds']:.1f} s"
      f" ({cache['images_per_second']:.0f} images/s), trained in {train['seconds']:.1f} s")
low, high = evaluation["accuracy_ci95"]
print(f"accuracy on the {evaluation['n']} held-out cells: {evaluation['accuracy']:.4f}"
      f" (95 % interval {low:.3f} to {high:.3f})")
P
echo "report: $out/report.html"
