# serve · test · bench · lint: each makes the virtual environment it needs.

PYTHON ?= python3
BIN := .venv/bin
TESTS := pytest --numprocesses auto --maxprocesses 4 --dist loadfile
INPUTS := $(shell find graph ontology shapes -name '*.toml' -o -name '*.ttl' -o -name '*.rq' -o -name '*.jsonld' -o -name '*.py')

.PHONY: serve test test-lowest comunica bench lint dataset clean

serve: .venv/built
	$(BIN)/cosponsor serve

dataset: .venv/built

test: .venv/installed
	$(BIN)/$(TESTS)

# The same tests with the lowest versions that pyproject.toml allows.
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-lowest.txt --editable '.[test]'
	.venv-lowest/bin/$(TESTS)

# For tests/test_clients.py, which does without where it is not there. Version 4 runs on Node 20.
comunica: .venv/installed
	npm install --prefix .venv/comunica --no-audit --no-fund --loglevel=error @comunica/query-sparql@4.5.0

bench: .venv/benched
	$(BIN)/python -m tests.benchmark $(PARTS)

# mypy wants a package on disk; the rooms are mapped to one, so it reads them through links.
lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf .venv/typed && mkdir -p .venv/typed/cosponsor
	ln -s $(CURDIR)/graph/*.py $(CURDIR)/graph/py.typed $(CURDIR)/ontology $(CURDIR)/server $(CURDIR)/shapes .venv/typed/cosponsor/
	MYPYPATH=.venv/typed $(BIN)/mypy -p cosponsor
	MYPYPATH=.venv/typed $(BIN)/mypy tests

# Built anew whenever an input is newer; a failing check leaves the last good dataset.
.venv/built: .venv/installed $(INPUTS)
	$(BIN)/cosponsor build
	@touch $@

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

# The peers of the benchmark are more than a test needs.
.venv/benched: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@

clean:
	rm -rf .venv .venv-lowest build dist *.egg-info
