# Everything a person or CI does with this project. `make demo` and `make test` need Python ≥ 3.11, make and git.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-system test-loaded test-order coverage coverage-report mutants lint format audit bench corpus generate sessions docs lock migration clean

# The lanes of the tests; the markers follow from the fixtures that a test uses (tests/conftest.py). COVERAGE=1 measures
# what they run, subprocesses included.
PYTEST := $(if $(COVERAGE),$(BIN)/coverage run -m pytest,$(BIN)/pytest)
IN_PROCESS := --durations=15 -n 3 --dist worksteal -m "walk or not (system or browser)"
SYSTEMS := -n 2 --dist loadfile -m "(system or browser) and not walk"

help: ## show this
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

# The stamp is newer than the lock once everything is installed.
.venv/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "cmdb needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: .venv/.installed ## import the example files and see the reports, with a Prefect server and without
	@$(BIN)/python examples/demo.py

test: .venv/.installed ## the tests of a change: everything in process, and one walk through the whole system
	$(PYTEST) $(IN_PROCESS)

test-fast: .venv/.installed ## the inner loop: no whole system, browser or other program, not every type
	$(BIN)/pytest -n 2 --dist worksteal -m "not (system or browser or outside or every_type)"

test-system: .venv/.installed ## every other test of whole systems, browsers and kills
	$(PYTEST) $(SYSTEMS)

test-loaded: .venv/.installed ## every test, three times in a row, while two other processes keep the machine busy
	$(BIN)/python -m tests.loaded

test-order: .venv/.installed ## every test in three random orders, and each file on its own (SEEDS="1 2 3")
	$(BIN)/python -m tests.order $(SEEDS)

coverage: ## every test, and the lines and branches that they run
	$(MAKE) COVERAGE=1 test test-system coverage-report

coverage-report: .venv/.installed
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutants: .venv/.installed ## change the code in small ways and see whether a test notices (MODULE=schemas/model/rules.py)
	$(BIN)/python -m tests.mutants $(MODULE)

lint: .venv/.installed ## style, types and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/demo.py examples/python_api.py
	$(BIN)/lint-imports

format: .venv/.installed ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed ## measure imports and exports against COPY and their rivals (SMALL=1: a look, in under a minute)
	$(BIN)/python -m benchmarks.run

corpus: .venv/.installed ## measure how well made-up files of every shape are read (SEED=20261)
	$(BIN)/python -m benchmarks.corpus $(SEED)

generate: .venv/.installed ## write the generated reference pages and prefect.yaml again
	$(BIN)/python -m generators

sessions: .venv/.installed ## run the terminal sessions in the documents again, and write what they print
	$(BIN)/python -m generators.sessions

docs: .venv/.docs-installed ## build the documentation site in build/site
	$(BIN)/zensical build --strict

.venv/.docs-installed: requirements-docs.lock .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements-docs.lock
	touch $@

# What is developed with has everything; the image and what builds it have the same versions of less.
LOCK := uv pip compile --universal --generate-hashes --no-header
lock: ## resolve the dependencies again (needs uv)
	$(LOCK) --group dev pyproject.toml -o requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock pyproject.toml -o requirements.lock
	$(LOCK) --constraint requirements-dev.lock --group build -o requirements-build.lock
	$(LOCK) --constraint requirements-dev.lock --group docs -o requirements-docs.lock

audit: .venv/.installed ## look for known vulnerabilities in what is locked, where their data are reached
	$(BIN)/python -m tests.audit

migration: .venv/.installed ## write the migration for changed tables: make migration MESSAGE="add routes"
	$(BIN)/python -m tasks.store.migrations.new "$(MESSAGE)"

clean: ## remove what was built here
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
