# Every target makes what it needs: `make run` on a fresh clone installs first. Needs Python 3.11 or newer, make and git.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PACKAGE := chargewright
# Processes for the tests. They wait for disks, sockets and each other more than they compute.
WORKERS ?= 3

.PHONY: help install run test check fix explore bench bench-large fuzz soak docs clean
help:
	@echo "make run      a central system and three charging stations, live in the terminal (Ctrl-C ends it)"
	@echo "make test     the tests"
	@echo "make check    lint, formatting, types, import directions"
	@echo "make fix      let the linter and the formatter mend what they can"
	@echo "make bench    speed as ratios, measured side by side; bench/results/latest.json"
	@echo "make bench-large  lists over 20 million meter values on PostgreSQL, 2 million on SQLite: half an hour, 20 GB of disk"
	@echo "make fuzz     wrong frames for five minutes and each database (FUZZ_SECONDS=, FUZZ_SEED=)"
	@echo "make explore  the tests with generated examples, new ones each time"
	@echo "make soak     the long fault runs"
	@echo "make docs     generate the reference pages from the code"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt tools/system_packages.sh
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "chargewright needs Python 3.11 or newer, and '$(PYTHON)' was not found."; \
	  echo "Install it, or name another one: make PYTHON=python3 install"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "chargewright needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 install"; exit 1; }
	@sh tools/system_packages.sh
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT="$(CURDIR)/constraints.txt" $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

run: $(STAMP)
	$(BIN)/chargewright up

test: $(STAMP)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m bench $(OPTIONS)

bench-large: $(STAMP)
	$(BIN)/python -m bench.large $(OPTIONS)

FUZZ_SECONDS ?= 300
ifndef FUZZ_SEED
FUZZ_SEED := $(shell date +%s)
endif
fuzz: $(STAMP)
	@echo "seed $(FUZZ_SEED)"
	CHARGEWRIGHT_FUZZ_SECONDS=$(FUZZ_SECONDS) CHARGEWRIGHT_FUZZ_SEED=$(FUZZ_SEED) \
	  $(BIN)/python -m pytest -q tests/faults/test_fuzz.py

explore: $(STAMP)
	HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -q -n $(WORKERS) $$(grep -rl hypothesis tests --include='test_*.py')

soak: $(STAMP)
	$(BIN)/python -m pytest -q -m soak --timeout 7200

docs: $(STAMP)
	$(BIN)/python -m tools.reference --write

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis
