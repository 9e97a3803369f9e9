# `make help` lists the targets. Everything lives in .venv; nothing else on the machine is changed.
PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check install -qq -c constraints.txt
WANTED := pyproject.toml constraints.txt src/rlgauge/__init__.py

.PHONY: help quickstart test lint types layers format

help: ## What can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile

quickstart: $(VENV)/.quickstart-installed ## Evaluate three policies on three environments, with videos, a table and a report
	$(BIN)/rlgauge quickstart

test: lint types layers ## Everything that CI runs
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup

lint: $(VENV)/.test-installed ## ruff: rules and format
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .

types: $(VENV)/.test-installed ## mypy, strict, on src
	$(BIN)/mypy

layers: $(VENV)/.test-installed ## import-linter: imports go downward only
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.test-installed ## Rewrite the code as ruff wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# A Python without ensurepip (Debian's, without python3-venv) makes a bare environment, which pip fills from outside.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"RLGauge needs Python 3.11 or later. Name one: make PYTHON=python3.11")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null && $(PYTHON) -m venv $(VENV) || \
		{ $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install -qq pip; }

# The stamps make the second time quick; editing what they depend on installs again.
$(VENV)/.%-installed: $(WANTED) | $(BIN)/pip
	@echo "Installing rlgauge[$*] into $(VENV)"
	@$(PIP_INSTALL) -e '.[$*]'
	@touch $@
