# Everything runs in .venv, from requirements.lock. Only Python 3.11+, git and make are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup test scenarios lint types bench format coverage lock goldens speech clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY)  ## create .venv with the pinned dependencies

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

test: $(READY)  ## run all tests of tests/
	$(BIN)/python -m pytest tests -n auto --dist worksteal

scenarios: $(READY)  ## run the shipped scenarios and write reports/latest/
	$(BIN)/python -m pytest scenarios -n auto --dist worksteal

lint: $(READY)  ## style, formatting, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)  ## mypy --strict
	$(BIN)/mypy

bench: $(READY)  ## speed as ratios in one run
	$(BIN)/python -m benchmarks

coverage: $(READY)  ## tests with branch coverage
	$(BIN)/python -m pytest tests -n auto --dist worksteal --cov --cov-report=term

format: $(READY)  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

speech: $(READY)  ## synthesise the callers' speech that scenarios/audio/ lacks
	$(BIN)/roomkit-sim speech scenarios

goldens: $(READY)  ## write anew what the installed SDKs send (tests/sim/wire_contract)
	$(BIN)/python -m tests.sim.wire_contract.goldens

lock:  ## compile requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) reports/latest .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
