# `make demo` and `make test` do everything, set-up included.
BUILD ?= build/release
JOBS ?= $(shell nproc)

.PHONY: help demo test test-crash test-gpu gpu-build check-torch parity fuzz bench build format lint check-format clean install

help:
	@echo "make demo    set up, build, and train a classifier on real photographs"
	@echo "make test    set up, build, and run every test that needs no GPU"
	@echo "make test-crash  the long version of the kill, fault and bit-flip tests (docs/reliability.md)"
	@echo "make test-gpu  build and run the tests that need an NVIDIA GPU, CUDA and TensorRT (TENSORRT_DIR)"
	@echo "make gpu-build compile and link the GPU libraries on a machine without a GPU"
	@echo "make fuzz    fuzz every parser of hostile input, FUZZ_SECONDS (default 60) each"
	@echo "make bench   set up, and measure against PyTorch (docs/benchmarks.md)"
	@echo "make build   build only      make install   install to PREFIX (default /usr/local)"
	@echo "make format  format          make lint      clang-tidy on changed files"

demo:
	scripts/setup.sh demo
	cmake --preset release -DCAFT_BUILD_TESTS=OFF -DCAFT_BUILD_BENCH=OFF -DCAFT_BUILD_EXAMPLES=OFF -B build/demo-build --log-level=WARNING
	cmake --build build/demo-build -j $(JOBS)
	scripts/demo.sh build/demo-build/bin/caft build/demo

test:
	scripts/setup.sh test
	cmake --preset dev --log-level=WARNING
	cmake --build --preset dev -j $(JOBS)
	ctest --preset dev -j $(JOBS)

# The tests of docs/reliability.md with hundreds of kills and 100,000 flipped bits.
test-crash:
	scripts/setup.sh test
	cmake --preset dev --log-level=WARNING
	cmake --build --preset dev -j $(JOBS)
	for test in cache_damage_test cache_repair_test cache_writer_test cache_crash_test crash_test; do \
	  CAFT_THOROUGH_TESTS=1 build/dev/bin/$$test || exit 1; done

# On a machine with an NVIDIA GPU, CUDA and TensorRT (TENSORRT_DIR).
test-gpu:
	cmake --preset gpu --log-level=WARNING
	cmake --build --preset gpu -j $(JOBS)
	ctest --preset gpu -L gpu

# Anywhere: compiles and links the GPU libraries against TensorRT 10 and 11.
gpu-build:
	scripts/setup.sh test
	scripts/gpu_sdk.sh build/gpu-sdk
	scripts/gpu_build.sh build/gpu-sdk

# The LibTorch library against PyPI's torch: downloads 540 MB, so it is not part of `make test`.
check-torch:
	scripts/setup.sh test
	scripts/check_pypi_torch.sh

build:
	cmake --preset release --log-level=WARNING
	cmake --build --preset release -j $(JOBS)

install: build
	cmake --install build/release $(if $(PREFIX),--prefix $(PREFIX))

fuzz:
	scripts/setup.sh fuzz
	scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)

parity: build
	.venv/bin/python tests/parity/parity.py build/release/bin/caft efficientnet_lite0 resnet18 resnet50 vgg16_bn \
	  efficientnet_b0 mobilenet_v3_large vit_b_16 --table docs/parity.md

bench:
	scripts/setup.sh bench
	$(MAKE) build
	.venv/bin/python bench/run.py build/release

format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format-16 -i

check-format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format-16 --dry-run --Werror

lint:
	scripts/lint.sh

clean:
	rm -rf build
