# Everything on a fresh machine with Python >= 3.11 and make:
#   make demo    segment the examples with the weights in the package, and write a contact sheet to demo/
#   make test    lint and test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests that load ONNX Runtime and OpenVINO, in a process of their own: after them and the browser's driver together,
# starting a program crashes the process.
ENGINES := tests/backends tests/benchmarks tests/cli/test_export.py

.PHONY: demo test lint clean

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(VENV)/ready
	$(BIN)/cosod segment examples/photos -o demo --save maps,masks,overlays --sheet demo/sheet.png --overwrite

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint
	$(BIN)/python -m pytest -m "not slow" $(ENGINES:%=--ignore=%)
	$(BIN)/python -m pytest -m slow $(ENGINES:%=--ignore=%)
	$(BIN)/python -m pytest $(ENGINES)

clean:
	rm -rf $(VENV) demo .pytest_cache .ruff_cache
