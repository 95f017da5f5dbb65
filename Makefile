# Everything is installed into .venv; each target does all the set-up it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo web browser docs test test-all lint types units benchmark results clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/core.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# The CPU build of torch is pinned first: asked for as a dependency it can bring gigabytes of CUDA.
$(VENV)/dev.done: $(VENV)/core.done
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,heif]'
	@touch $@

$(VENV)/web.done: $(VENV)/core.done
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[web,heif]'
	@touch $@

web: $(VENV)/web.done  ## the page and the REST interface at http://127.0.0.1:8400/
	$(BIN)/undegrade serve

demo: $(VENV)/core.done  ## enhance the example photos and write before/after pictures to demo/
	$(BIN)/python examples/demo.py

lint: $(VENV)/dev.done  ## style and the wall between the two halves
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/dev.done  ## strict type checking
	$(BIN)/mypy

# Any Chromium will do: what is there, else the system's package, else playwright's own. The headless
# shell, which starts no windows around its pages, is the fastest. Where none can be had, the tests of
# the page are skipped, saying so. Only this target installs system-wide.
browser: $(VENV)/dev.done  ## a Chromium for the tests of the page, where there is none
	@command -v chromium-headless-shell || command -v chromium || command -v chromium-browser \
	  || command -v google-chrome \
	  || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq \
	    && { apt-get install -qq -y --no-install-recommends chromium-headless-shell \
	      || apt-get install -qq -y --no-install-recommends chromium; }; } \
	  || $(BIN)/playwright install --only-shell chromium \
	  || echo "no Chromium can be had: the tests of the page will be skipped"

test: lint types units  ## lint, types and tests; those of the page want a Chromium: make browser

# Every module is compiled once, not by each of the hundreds of processes that tests start.
units test-all: export PYTHONDONTWRITEBYTECODE =

units: $(VENV)/dev.done  ## the tests alone
	$(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder -m "not slow" --durations=40 --durations-min=5

test-all: lint types  ## the slow tests too
	$(BIN)/pytest -n auto --dist loadscope --no-loadscope-reorder

$(VENV)/docs.done: $(VENV)/core.done
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(VENV)/docs.done  ## the pages and the API reference as a site in build/site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

benchmark: $(VENV)/dev.done  ## speed and memory, as ratios in one run, into benchmarks/results/
	$(BIN)/python benchmarks/speed.py --write --json benchmarks/results/speed.json
	$(BIN)/python benchmarks/memory.py --json benchmarks/results/memory.json
	$(BIN)/python benchmarks/results_page.py

results: $(VENV)/dev.done  ## quality on the test sets in DATA=..., of the networks in PEERS=... too
	$(BIN)/python benchmarks/results.py --data $(DATA) $(if $(PEERS),--peers $(PEERS))

clean:  ## remove what was built
	rm -rf $(VENV) demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
