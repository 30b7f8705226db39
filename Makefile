# Everything runs in .venv, from requirements.lock. Only Python 3.11+, git and make are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# openai[realtime] asks for websockets<16: what depends on its version is tested with this one as well.
OLDER := $(VENV)/websockets15
ON_THE_WIRE := tests/sim/world tests/sim/trace tests/sim/servers tests/sim/cassette tests/sim/wire_contract \
	tests/providers/gemini tests/providers/openai tests/providers/realtime scenarios/finance/triage.scenario.yaml \
	scenarios/finance/barge-in.scenario.yaml scenarios/finance/go-away.scenario.yaml scenarios/software

# Those whose calls are committed below recordings/, as our own server answers them.
RECORDED := scenarios/clinic/language.scenario.yaml scenarios/software/illegal-transition.scenario.yaml \
	$(addprefix scenarios/finance/,$(addsuffix .scenario.yaml,handoff barge-in human hang-up unknown-target \
	unknown-utterance two-calls go-away))

.DEFAULT_GOAL := help
.PHONY: help setup test scenarios record replay lint types scan bench parity lossy format coverage lock goldens websockets15 speech clean

help:  ## list the targets
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

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

websockets15: $(READY) $(OLDER)/.ready  ## what depends on websockets, with version 15 instead of the locked one
	@PYTHONPATH=$(OLDER) $(BIN)/python -c 'import websockets; assert websockets.__version__ == "15.0.1", websockets'
	PYTHONPATH=$(OLDER) $(BIN)/python -m pytest $(ON_THE_WIRE) -n auto --dist worksteal --sim-output reports/websockets15

$(OLDER)/.ready: $(READY) requirements-websockets15.lock
	@rm -rf $(OLDER)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --target $(OLDER) \
		-r requirements-websockets15.lock
	@touch $@

scenarios: $(READY)  ## run the shipped scenarios and write reports/latest/
	$(BIN)/python -m pytest scenarios -n auto --dist worksteal

record: $(READY)  ## record the shipped calls below recordings/ anew, from our own server over loopback sockets
	$(BIN)/roomkit-sim record $(RECORDED) --provider fake --clock real --mode all --output reports/record

replay: $(READY)  ## replay the calls below recordings/, without any server
	$(BIN)/python -m pytest $(RECORDED) --sim-provider=replay --sim-output reports/replay

lint: $(READY)  ## style, formatting, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)  ## mypy --strict
	$(BIN)/mypy

scan: $(READY)  ## look for secrets and persons in recordings
	$(BIN)/roomkit-sim scan recordings tests/providers/cassettes

bench: $(READY)  ## speed as ratios in one run
	$(BIN)/python -m benchmarks

parity: $(READY)  ## play the scenarios on both wires and write docs/parity.md
	$(BIN)/python -m benchmarks parity

lossy: $(READY)  ## a hundred calls on each wire with 2 % loss, twice
	$(BIN)/python -m benchmarks lossy

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
	echo websockets==15.0.1 | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -o requirements-websockets15.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) reports/latest reports/record reports/replay reports/websockets15 .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
