# `make demo` and `make test` set up everything they need by themselves on a fresh machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# the demo: a small synthetic set, or IMAGES=folder
DEMO := demo
PARTS ?= 8

.PHONY: help setup demo test test-fast lint format clean

help:
	@echo "make demo [IMAGES=folder] [PARTS=8]   discover parts and show where the pictures are"
	@echo "make test                             all tests"
	@echo "make test-fast                        tests without the slow ones"
	@echo "make lint                             ruff and mypy;  make format mends what can be mended"
	@echo "make clean                            remove the environment and what the demo made"

setup: $(READY)

$(READY): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

demo: $(READY)
ifdef IMAGES
	$(BIN)/python scripts/discover.py "$(IMAGES)" --out $(DEMO)/run --num-parts $(PARTS) --overwrite
else
	$(BIN)/python scripts/make_synthetic.py $(DEMO)/images --num-images 60 --size 256 --super-categories car --overwrite
	$(BIN)/python scripts/discover.py $(DEMO)/images/train --out $(DEMO)/run --num-parts $(PARTS) --overwrite
endif
	@echo
	@echo "The parts that were found, the same colour the same part in every image:"
	@echo "  $(CURDIR)/$(DEMO)/run/figures/contact_sheet.jpg"
	@echo "  $(CURDIR)/$(DEMO)/run/figures/overlays/"

# one process a core, each with one thread of arithmetic
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

test: $(READY)
	$(PYTEST)

test-fast: $(READY)
	$(PYTEST) -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
