# Everything a developer types.  `make demo` and `make test` need nothing but a
# Debian/Ubuntu with Python 3.11 or newer: they set up .venv and system libraries.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Test processes; each computes with one thread, so that together they fit the machine.
JOBS ?= 2
# More options for pytest:  make test ARGS="-k tiff"
ARGS ?=

.PHONY: help demo test fuzz lint types check format venv system clean

help:
	@echo "make demo    open napari on a sample stack and segment it (files, without a display)"
	@echo "make test    run the whole test suite"
	@echo "make fuzz    open 10 000 damaged files; ARGS=\"--cases 500 model\" for fewer"
	@echo "make lint    check style, docstrings, import directions, spelling and the manifest"
	@echo "make types   check types"
	@echo "make check   all of these checks"
	@echo "make format  let ruff format and mend what it can"
	@echo "make venv    only install, into $(VENV)"
	@echo "make clean   remove $(VENV), caches and demo-output"

demo: venv system
	@scripts/demo.sh $(VENV)

test: venv system
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 scripts/with-screen.sh \
		$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not network" $(ARGS)

fuzz: venv
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz $(or $(ARGS),--cases 10000)

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/numpydoc lint $$(find src -name '*.py' -not -path '*/_napari/*')
	$(BIN)/typos
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/npe2 validate src/napari_mitoseg/napari.yaml

types: venv
	$(BIN)/mypy

check: lint types test

format: venv
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

venv: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt scripts/venv.sh
	@scripts/venv.sh $(VENV)
	@touch $@

system:
	@scripts/system-libraries.sh

clean:
	rm -rf $(VENV) demo-output dist build .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
