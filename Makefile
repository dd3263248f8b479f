# Everything needs only Python 3.11 or newer and make. Nothing outside this folder and your cache folder is touched.
#   make demo           the benchmark's main job on the dataset and the weights that come with the package
#   make demo TRAIN=1   the same, and trains from scratch first
#   make test           the test suite, offline
#   make test-slow      the rest of it: every baseline learns one clip by heart, two processes train together
#   make check          what .ci/run checks before the tests: lint, types, contracts

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# matplotlib would otherwise make a folder in the user's configuration; idle OpenMP threads sleep early, see
# iper_bench/cli/threads.py; no library asks the network.
export MPLCONFIGDIR := $(CURDIR)/$(VENV)/matplotlib
export GOMP_SPINCOUNT ?= 5000
export HF_HUB_OFFLINE := 1

.PHONY: help setup demo test test-slow check lint types contracts format pins clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

$(READY): pyproject.toml constraints.txt tools/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/setup.sh
	@touch $@

demo: $(READY)
	@$(BIN)/python tools/demo.py $(if $(TRAIN),--train) $(if $(DEMO_LIMIT),--limit $(DEMO_LIMIT))

test: $(READY)
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

check: lint types contracts

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy
	$(BIN)/mypy baselines

contracts: $(READY)
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pins: $(READY)
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tools/pins.sh

clean:
	rm -rf $(VENV) runs build dist iper_bench.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
