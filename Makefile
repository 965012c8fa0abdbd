# Everything runs from a virtual environment in this folder, made on first use. `make help` lists the targets.

.DEFAULT_GOAL := help
BIN := .venv/bin
# A process for each core, up to four, with a thread each; tests/conftest.py says which tests stay together.
TESTS = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4
# Options for pip and pytest, as in: make test PIP_ARGS="--no-cache-dir" ARGS="-k kl"
PIP_ARGS ?=
ARGS ?=
# The first interpreter that is new enough. Looked up only when the environment has to be made.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
# The environment is remade when the content of these files changes, or the folder moves; a time stamp would not tell.
READY := .venv/ready-$(shell (pwd; cat pyproject.toml constraints.txt) | cksum | cut -d' ' -f1)

.PHONY: help setup demo test test-all lint docs reference clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## make or update the environment in .venv

demo: $(READY) ## set up, then fit, encode, measure, sample and report on the embedded digits
	@$(BIN)/zscape demo

test: $(READY) ## set up, then run the tests that make up a normal check
	@$(TESTS) -m "not slow" $(ARGS)

test-all: $(READY) ## as test, with the slow ones
	@$(TESTS) $(ARGS)

lint: $(READY) ## style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

docs: $(READY) ## build the documentation site in docs/_build/html; a warning fails
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

reference: $(READY) ## write docs/reference/cli.md anew from the command line
	$(BIN)/python docs/make_reference.py

clean: ## remove the environment and everything built; runs/ is kept
	rm -rf .venv docs/_build dist build .pytest_cache .ruff_cache
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY):
	@test -n "$(PYTHON)" || { echo "zscape needs Python 3.11 or newer, but none is on the PATH;" \
		"install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Setting up .venv: a minute, and longer where torch has to be downloaded."
	$(PYTHON) -m venv .venv
	@# Dependency groups need pip 25.1; the one that comes with Python can be older.
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -c constraints.txt -e ".[track]" --group dev --group docs
	@rm -f .venv/ready-*
	@touch $@
