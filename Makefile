# Everything on a fresh machine with Python >= 3.11 and make:
#   make demo    segments the examples with the weights in the package, and writes a contact sheet to demo/
#   make test    lints, builds the documentation and runs all tests
#   make quick   runs the tests without those that are marked slow
#   make docs    builds the documentation into site/
#   make lint    checks style and types
#   make picture renders the picture of the README and of the documentation anew
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# PyPI's torch for Linux brings gigabytes of CUDA. Without an NVIDIA driver the CPU build is taken from PyTorch's own
# index; `make TORCH_INDEX=` takes what PyPI has, another address takes another build.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi 2>/dev/null),,https://download.pytorch.org/whl/cpu)

# tests/conftest.py says how many workers `auto` is. Each computes with one thread, because more of them would only get in
# each other's way. Each starts with neighboring tests, which share what they have set up, and takes some of another's
# when it has no more: whole files leave a worker waiting for the longest one.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1 $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: demo test quick lint style types docs tests picture clean

# Where the index cannot be reached, or has no such build, the last line takes torch from the machine's usual index.
$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
ifneq ($(TORCH_INDEX),)
	$(PIP) --retries 1 --timeout 20 --no-deps --index-url $(TORCH_INDEX) torch || \
		echo "note: $(TORCH_INDEX) gave no torch; taking it from the usual package index"
endif
	$(PIP) -e '.[dev]'
	touch $@

demo: $(VENV)/ready
	$(BIN)/cosod segment examples/photos -o demo --save maps,masks,overlays --sheet demo/sheet.png --overwrite

lint: style types

style: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

docs: $(VENV)/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# One process checks types and another builds the documentation while the tests run.
test: style
	$(MAKE) --jobs=3 types docs tests

tests: $(VENV)/ready
	$(PYTEST)

quick: $(VENV)/ready
	$(PYTEST) -m "not slow"

picture: $(VENV)/ready
	$(BIN)/cosod segment examples/photos/toy_cars -o demo/toy_cars --model accurate \
		--sheet docs/images/toy_cars.jpg --overwrite

clean:
	rm -rf $(VENV) demo site .pytest_cache .ruff_cache .mypy_cache
