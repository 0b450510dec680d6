# Needs python3 (3.11 to 3.13) with venv, and make; nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := harness reference_app scenarios tests locustfile.py

.PHONY: setup run test check sweep matrix mutants fuzz bench bench-bridge bench-simulation peers clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Every incident against the reference app, simulated and live, whatever the first says; ends as the worse of both.
run: setup
	@simulated=0; live=0; \
	$(BIN)/shakeout run incidents --stage simulated || simulated=$$?; \
	$(BIN)/shakeout run incidents --stage live || live=$$?; \
	for code in 1 2 3 4 0; do \
	  if [ $$simulated = $$code ] || [ $$live = $$code ]; then exit $$code; fi; \
	done; exit 3

test: setup
	$(BIN)/python -m pytest -n auto --dist worksteal

check: setup
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py tests/test_tidy.py tests/test_exports.py

# Every fault against the reference app, simulated and live.
sweep: setup
	$(BIN)/shakeout sweep
	$(BIN)/shakeout sweep --stage live
	$(BIN)/shakeout sweep loop --stage live --loop asyncio
	$(BIN)/shakeout sweep loop --stage live --loop uvloop

matrix: setup
	$(BIN)/shakeout matrix

# Each invariant emptied in turn, each fault made to do nothing in turn: some test must notice every one.
mutants: setup
	$(BIN)/python -m tests.mutants.run

# A million damaged lines of log: none is lost, and each record can be stored.
fuzz: setup
	$(BIN)/python -m tests.fuzz.logs --lines 1000000

# Performance, as ratios measured side by side in one run; all parts, whatever the others say, and the worst of them.
bench: setup
	@worst=0; \
	for part in full_turn bridge simulation parsing load; do \
	  code=0; $(BIN)/python tests/benchmarks/$$part.py || code=$$?; \
	  if [ $$code -gt $$worst ]; then worst=$$code; fi; \
	done; exit $$worst

# Two parts alone.
bench-bridge: setup
	$(BIN)/python tests/benchmarks/bridge.py

bench-simulation: setup
	$(BIN)/python tests/benchmarks/simulation.py

# What only benchmarks and comparisons need.
peers: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-peers.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
