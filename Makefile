# Everything runs in .venv, which is made on first use and again when pyproject.toml changes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
NAME   ?=

# What is compiled is ours to keep: without it every pytest start compiles hypothesis again, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup scenarios test check format variants openclaw bench clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# editable_mode=compat: a plain path entry. The default import hook adds 40 ms to every Python start in the venv.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Pileup needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "could not make $(VENV): install Python's venv module (on Debian: apt install python3-venv)" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat --editable '.[test]'
	@touch $@

setup: $(STAMP)  ## make .venv and install everything into it

scenarios: $(STAMP)  ## the main job: every scenario against the reference orchestrator
	$(BIN)/pytest scenarios/ -n auto

test: $(STAMP)  ## the project's own tests
	$(BIN)/pytest tests/ -n 2

check: $(STAMP)  ## format, lint and strict types, as CI runs them
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)  ## rewrite the files in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

variants: $(STAMP)  ## the table scenario x variant: what each deliberate mistake breaks
	$(BIN)/pileup variants

openclaw: $(STAMP)  ## every scenario on the real OpenClaw 2026.3.8, against the verdicts that are known of it
	$(BIN)/pileup provision openclaw@2026.3.8
	$(BIN)/pytest scenarios/ --target openclaw@2026.3.8 --baseline scenarios/baselines/openclaw@2026.3.8.json -n 2

bench: $(STAMP)  ## measurements, printed as ratios; NAME=suite for one of them
	$(BIN)/python -m bench $(NAME)

clean:  ## remove what make and the runs have written
	rm -rf $(VENV) reports/out bench/out .pytest_cache .ruff_cache .mypy_cache .hypothesis
