# Everything a person or CI does with this project. `make demo` and `make test` need Python ≥ 3.11, make and git.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench lock migration clean

help: ## show this
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

# The stamp is newer than the lock once everything is installed.
.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "cmdb needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: .venv/.installed ## import the example files and see the reports, with a Prefect server and without
	@$(BIN)/python examples/demo.py

test: .venv/.installed ## every test, against a real PostgreSQL
	$(BIN)/pytest -n 2

lint: .venv/.installed ## style, types and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/demo.py docs/generate.py
	$(BIN)/lint-imports

format: .venv/.installed ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed ## measure imports and exports against COPY and their rivals (SMALL=1: a look, in under a minute)
	$(BIN)/python -m benchmarks.run

lock: ## resolve the dependencies anew (needs uv)
	uv pip compile --universal --generate-hashes --no-header --group dev pyproject.toml -o requirements.lock

migration: .venv/.installed ## write the migration for changed tables: make migration MESSAGE="add routes"
	$(BIN)/python -m tasks.store.migrations.new "$(MESSAGE)"

clean: ## remove what was built here
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
