# Clowdy TUI. `make run` and `make test` do their own set-up; PYTHON= chooses the interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Twice as many as there are processors: tests of sandboxes, engines and screens wait as often as they work.
JOBS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))
TESTS ?= tests
FAST := tests/unit tests/cli/test_settings.py tests/cli/test_output.py

.DEFAULT_GOAL := help
.PHONY: help run test check bench soak screenshots clean

help:
	@echo "make run     open the workbench (without a terminal: call the example's functions)"
	@echo "make test    the whole test suite"
	@echo "make check   linters, types, the floors of the house, fast tests"
	@echo "make bench   measure it beside what else answers a call (BENCH=--quick: in under 90 s)"
	@echo "make soak    load and faults for a minute, then a count (SOAK=\"--seconds 3600\": for an hour)"
	@echo "make screenshots  take the pictures in screenshots/ anew"
	@echo "make clean   remove the virtual environment and what was built"

run: $(STAMP)
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/clowdy; else exec $(BIN)/clowdy demo; fi

# What pytest makes of a test's file is kept, whatever the environment says: else each worker makes it anew, each time.
test: $(STAMP)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

check: $(STAMP)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > $(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	@$(BIN)/python -m pytest -q -m "not slow and not docker" $(FAST)

bench: $(STAMP)
	@$(BIN)/python -m benchmarks $(BENCH)

soak: $(STAMP)
	@$(BIN)/python -m scripts.soak $(SOAK)

screenshots: $(STAMP)
	@$(BIN)/python -m scripts.screenshots

# The packages are compiled to bytecode here, so that no start has to do it.
$(STAMP): pyproject.toml constraints.txt
	@PYTHON="$(PYTHON)" sh scripts/install $(VENV)
	@touch $@

clean:
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
