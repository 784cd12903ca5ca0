# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Type checkers don't follow setuptools' editable install; this folder shows them the package.
TYPES := $(VENV)/types

.PHONY: run test check pytest test-outage test-kill test-spark test-clients test-openwebui format docs lock bench clean

run: $(VENV)/installed  ## The gateway with the demo model, a key, and a curl to try.
	$(BIN)/sekisho up --demo

test: check pytest  ## Everything that CI runs.

check: $(VENV)/installed  ## Linter, formatter and type checkers.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright & (cd $(TYPES) && ../bin/mypy --config-file ../../pyproject.toml -p sekisho); \
	mypy=$$?; wait $$! && exit $$mypy

# Three processes on two cores: two of them wait a third of their time.
pytest: $(VENV)/installed
	$(BIN)/python -m pytest -m 'not serial and not long and not openwebui' --numprocesses 3 --dist loadfile
	$(BIN)/python -m pytest -m 'serial and not long'

test-outage: $(VENV)/installed  ## Outages and crashes at their full length, half an hour.
	$(BIN)/python -m pytest -m long --ignore tests/kill --ignore tests/spark

test-kill: $(VENV)/installed  ## Kill -9 of workers and shippers, hundreds of them; half an hour.
	$(BIN)/python -m pytest -m long -s tests/kill

test-spark: $(VENV)/spark/installed  ## The tables and reports in Spark, which needs Java 17; minutes.
	$(BIN)/python -m pytest -m long tests/spark

test-clients: $(VENV)/installed  ## Every client on every route, into docs/clients.md; needs npm; half an hour.
	$(BIN)/python -u -m tests.clients --docs

test-openwebui: $(VENV)/installed  ## The real Open WebUI and Chromium; installs 3 GB once; minutes.
	$(BIN)/python -m tests.openwebui.installation
	$(BIN)/python -m pytest -m openwebui tests/openwebui

format: $(VENV)/installed  ## Sort imports and lay out the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/installed  ## Write the generated parts of docs/.
	$(BIN)/python -m docs.generate

bench: $(VENV)/installed  ## The benchmarks, a few minutes each.
	$(BIN)/python -m benchmarks.overhead --docs
	$(BIN)/python -m benchmarks.keys --docs
	$(BIN)/python -m benchmarks.lake --docs

# Locks every dependency with its hashes, for Linux and macOS and every Python that we support.
# `uv` only writes the file; installing needs nothing but pip.
lock: $(VENV)/installed
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		--upgrade --output-file requirements.txt
	$(BIN)/uv pip compile tests/spark/requirements.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		--upgrade --output-file tests/spark/requirements.txt
	$(BIN)/uv pip compile tests/clients/packages/requirements.in --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
		--upgrade --output-file tests/clients/packages/requirements.txt

$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Sekisho needs Python 3.11 to 3.13; set PYTHON=python3.12 or so" if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	mkdir -p $(TYPES) && ln -sfn ../.. $(TYPES)/sekisho
	touch $@

# PySpark is half a gigabyte, and only those tests use it: it has an environment of its own.
$(VENV)/spark/installed: $(VENV)/installed tests/spark/requirements.txt
	$(PYTHON) -m venv $(VENV)/spark
	$(VENV)/spark/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/spark/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
