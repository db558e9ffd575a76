#!/usr/bin/env bash
# clang-tidy on the C++ sources that changed since LINT_BASE (default: the point where this branch left
# origin/main, else the last 5 commits).
set -euo pipefail
cd "$(dirname "$0")/.."
base=${LINT_BASE:-$(git merge-base HEAD origin/main 2>/dev/null || true)}
[ -n "$base" ] && [ "$(git rev-parse "$base")" != "$(git rev-parse HEAD)" ] ||
  base=$(git rev-parse -q --verify HEAD~5 || git rev-list --max-parents=0 HEAD | tail -1)
mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- 'src/*.cpp' 'cli/*.cpp' | grep -v '^src/head/torch/' || true)
[ ${#files[@]} -gt 0 ] || { echo "lint: nothing changed"; exit 0; }
# gcc's precompiled headers mean nothing to clang: a build folder without them gives the commands.
cmake --preset dev -B build/tidy -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCAFT_BUILD_TESTS=OFF -DCAFT_BUILD_EXAMPLES=OFF --log-level=WARNING
cmake --build build/tidy --target caft_onnx_schema
# What this machine does not build (GPU libraries without CUDA) clang could not read.
mapfile -t files < <(printf '%s\n' "${files[@]}" | grep -Ff <(grep -o '"file": "[^"]*"' build/tidy/compile_commands.json |
  sed "s#\"file\": \"$PWD/##; s#\"##") -x || true)
[ ${#files[@]} -gt 0 ] || { echo "lint: nothing that is built here changed"; exit 0; }
echo "lint: ${#files[@]} files"
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-16 -p build/tidy --quiet
