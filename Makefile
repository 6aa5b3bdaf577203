# `make` alone lists all targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-real check bench format chart lock sbom settings-page errors-page clean

# Tests start hundreds of processes: imports are compiled once, even if the caller's environment forbids it.
unexport PYTHONDONTWRITEBYTECODE

PYTHON_FILES := datacenter jobs storage_adapters tests examples benchmarks tools
BIN := .venv/bin
# Half as many again as there are cores: some always wait for processes that they started.
TEST_PROCESSES := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 )))
READY := .venv/.ready

help: ## print this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

# Made again when what it is made from changes, and only then.
$(READY): pyproject.toml requirements.lock tools/setup.sh
	@tools/setup.sh
	@touch $@

setup: $(READY) ## make the virtual environment .venv with the pinned dependencies

demo: $(READY) ## import, export, download and delete once, and check each step
	@$(BIN)/python examples/demo.py

run: $(READY) ## run a data centre on this machine; ARGS="--home DIR --port N"
	@$(BIN)/datacenter up $(ARGS)

# Files run in the order of their folders, acceptance first: by default files with most tests start first, and a long test runs alone at the end.
test: $(READY) ## run every test that needs no root and no server; ARGS="-k delete"
	@$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --durations=10 -m "not real" $(ARGS)

test-real: $(READY) ## run the tests on real servers and programs, in rounds; ARGS="--list", ARGS="--round redis"
	@tests/services/install.sh
	@PYTHONPATH=tests $(BIN)/python -m services.run_matrix $(ARGS)

check: $(READY) ## run ruff, mypy and import-linter
	@$(BIN)/ruff check $(PYTHON_FILES)
	@$(BIN)/ruff format --check $(PYTHON_FILES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(READY) ## measure beside other programs, print ratios
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

format: $(READY) ## rewrite the code as `make check` wants it
	@$(BIN)/ruff check --fix $(PYTHON_FILES)
	@$(BIN)/ruff format $(PYTHON_FILES)

chart: $(READY) ## write the chart's README and schema from its values and the settings
	@$(BIN)/python tools/chart_schema.py
	@$(BIN)/python tools/chart_readme.py

lock: ## write the lock files from pyproject.toml (needs uv)
	@tools/lock.sh

settings-page: $(READY) ## write docs/settings.md from the settings' classes
	@PYTHONPATH=. $(BIN)/python tools/settings_page.py

errors-page: $(READY) ## write docs/errors.md from the error classes
	@PYTHONPATH=. $(BIN)/python tools/errors_page.py

sbom: $(READY) ## write the image's bill of materials (CycloneDX) to dist/
	@tools/sbom.sh

clean: ## remove the virtual environment and every cache
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
