#!/usr/bin/env bash
# Installs what caft needs and this machine lacks, and leaves alone what is there. Safe to run twice.
#
#   scripts/setup.sh [demo|test|bench|fuzz]     default: test
#
# demo: what `make demo` needs; test: also what the tests need; bench: also the PyTorch that it is compared with;
# fuzz: also libFuzzer.
# Debian packages give the libraries, .venv the Python parts, node_modules the plotting library.
set -euo pipefail
cd "$(dirname "$0")/.."
level=${1:-test}
case $level in demo | test | bench | fuzz) ;; *) echo "usage: scripts/setup.sh [demo|test|bench|fuzz]" >&2; exit 2 ;; esac
say() { printf 'setup: %s\n' "$1"; }

packages=(build-essential cmake ninja-build ccache pkg-config python3 python3-venv python3-torch python3-torchvision
  libjpeg62-turbo-dev libpng-dev libwebp-dev libsqlite3-dev libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev
  libxxhash-dev libssl-dev libprotobuf-dev protobuf-compiler libboost1.81-dev ca-certificates)
test_packages=(libtorch-dev libgtest-dev libgmock-dev libbenchmark-dev chromium clang-16 clang-format-16 clang-tidy-16 fonts-dejavu-core)
[ "$level" = demo ] || packages+=("${test_packages[@]}")
[ "$level" != fuzz ] || packages+=(libclang-rt-16-dev)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing Debian packages: ${missing[*]}"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  say "Debian packages: all there"
fi

# Debian's PyTorch belongs to /usr/bin/python3, which may not be the python3 on PATH.
stamp_of() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }
wanted=$(stamp_of python/requirements.txt)
if [ "$(cat .venv/.caft-stamp 2>/dev/null)" != "$wanted" ]; then
  say "Python environment: .venv from python/requirements.txt"
  [ -x .venv/bin/python ] || /usr/bin/python3 -m venv --system-site-packages .venv
  .venv/bin/python -m pip install -q --disable-pip-version-check -r python/requirements.txt
  echo "$wanted" > .venv/.caft-stamp
else
  say "Python environment: up to date"
fi

# What only tests use: cleanlab to compare with, Triton's client.
wanted=$(stamp_of python/requirements.txt python/requirements-test.txt)
if [ "$level" != demo ] && [ "$(cat .venv/.caft-test-stamp 2>/dev/null)" != "$wanted" ]; then
  say "what the tests compare with: python/requirements-test.txt"
  .venv/bin/python -m pip install -q --disable-pip-version-check -r python/requirements.txt -r python/requirements-test.txt
  echo "$wanted" > .venv/.caft-test-stamp
fi

if ! command -v npm >/dev/null && [ ! -x .venv/bin/npm ]; then
  say "Node.js: none on this machine, installing it into .venv"
  .venv/bin/python -m pip install -q --disable-pip-version-check -r python/requirements-node.txt
fi
command -v npm >/dev/null || PATH=$PWD/.venv/bin:$PATH
wanted=$(stamp_of package-lock.json)
if [ "$(cat node_modules/.caft-stamp 2>/dev/null)" != "$wanted" ]; then
  say "npm packages: node_modules from package-lock.json"
  npm ci --silent --no-audit --no-fund --ignore-scripts
  echo "$wanted" > node_modules/.caft-stamp
else
  say "npm packages: up to date"
fi

if [ "$level" = bench ]; then
  wanted=$(stamp_of bench/requirements-peer.txt)
  if [ "$(cat .venv-peer/.caft-stamp 2>/dev/null)" != "$wanted" ]; then
    say "the peer of the benchmarks: PyTorch in .venv-peer"
    [ -x .venv-peer/bin/python ] || /usr/bin/python3 -m venv .venv-peer
    .venv-peer/bin/python -m pip install -q --disable-pip-version-check -r bench/requirements-peer.txt
    echo "$wanted" > .venv-peer/.caft-stamp
  fi
fi
say "done"
