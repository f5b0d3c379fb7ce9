# The two commands of a fresh machine are `make demo` and `make test`: each makes the
# virtual environment it needs. Only Python >= 3.11 has to be there.
#
#   make PYTHON=python3.12 test     another interpreter
#   make VENV=/tmp/venv test        another place for the environment

PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?= --quiet --disable-pip-version-check

override VENV := $(abspath $(VENV))
BIN := $(VENV)/bin
CODE := deepclust tests examples docs

export PYTHONUTF8 := 1

.NOTPARALLEL:
.PHONY: help demo test lint unit backends wheel dist lowest newest docs notebooks format clean

help:
	@echo "make demo    cluster the docstrings of the installed packages; writes a report"
	@echo "make test    lint, types, wheel, demo and all tests"
	@echo "make lint    ruff and mypy"
	@echo "make unit    the tests alone; ROOM=clustering: those of one room"
	@echo "make backends  the encoder's tests on PyTorch and JAX, where installed"
	@echo "make wheel   build the wheel and run it outside the checkout"
	@echo "make dist    wheel and sdist in dist/, checked by twine"
	@echo "make lowest  the tests with the lowest versions of the dependencies; make newest"
	@echo "make docs    build the documentation into docs/_build/html; runs the gallery"
	@echo "make notebooks  run the notebooks and docs/walks.md, and keep their results"
	@echo "make format  let ruff format the code"
	@echo "make clean   delete everything that can be made again"

demo: $(VENV)/.dev
	$(BIN)/python -m deepclust demo --out deepclust-demo

# pytest comes last, so that its summary closes the output
test: lint wheel demo unit

lint: $(VENV)/.dev
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy deepclust

# two processes, which share a file's fixtures; ROOM=clustering runs the tests and
# doctests of one room
unit: $(VENV)/.dev
	$(BIN)/python -m pytest \
	  $(if $(ROOM),tests/$(ROOM) deepclust/$(ROOM),-n 2 --dist loadfile)

# The encoder on Keras' other backends: first $(BIN)/python -m pip install torch jax.
# JAX compiles for seconds at a time; what it compiled is kept under build.
BACKENDS ?= torch jax
ENCODER := tests/encoding deepclust/encoding

backends: export JAX_COMPILATION_CACHE_DIR := $(abspath build/jax)
backends: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0
backends: $(VENV)/.dev
	@for backend in $(BACKENDS); do \
	  if $(BIN)/python -c "import $$backend" 2>/dev/null; then \
	    echo "Keras on $$backend"; \
	    KERAS_BACKEND=$$backend $(BIN)/python -m pytest $(ENCODER) || exit 1; \
	  else \
	    echo "$$backend is not installed: the encoder's tests on it are skipped"; \
	  fi; \
	done

# The wheel is installed without its dependencies into an environment of its own, which
# borrows them from $(VENV): TensorFlow is large. A .pth file inside a borrowed folder
# is not read, so the checkout itself stays invisible there.
wheel: $(VENV)/.dev
	rm -rf build/wheel
	$(BIN)/python -m build --wheel --outdir build/wheel . > build.log 2>&1 \
	  || { cat build.log; rm -f build.log; exit 1; }
	rm -f build.log
	$(BIN)/python -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install $(PIP_FLAGS) --no-deps build/wheel/*.whl
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_paths()['purelib'])" \
	  > "$$(build/wheel/venv/bin/python -c \
	    "import sysconfig; print(sysconfig.get_paths()['purelib'])")/borrowed.pth"
	cd build/wheel && venv/bin/python -c "import deepclust, sys; \
	  assert deepclust.__file__.startswith(sys.prefix), deepclust.__file__"
	cd build/wheel && venv/bin/python -m deepclust demo --limit 600 --out demo

dist: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*

# The tests with the lowest versions that pyproject.toml allows, or with the newest, in an
# environment of its own; needs uv. The lowest have wheels for Python 3.11 and 3.12.
lowest: RESOLUTION := lowest-direct
newest: RESOLUTION := highest
lowest newest:
	uv venv --clear --python $(PYTHON) build/$@
	uv pip install --python build/$@ --resolution $(RESOLUTION) \
	  ".[excel,parquet,onnx,stem,vectors]"
	uv pip install --python build/$@ --editable . --group dev
	build/$@/bin/python -m pytest -n 2 --dist loadfile

docs: $(VENV)/.docs
	rm -rf docs/api
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check_pages.py docs/_build/html
	$(BIN)/python docs/check_accessibility.py docs/_build/html
	@echo "docs/_build/html/index.html"

# runs the notebooks and the walks, and keeps their results in them
notebooks: $(VENV)/.dev
	$(BIN)/python docs/run_notebooks.py
	$(BIN)/python docs/run_walks.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

$(VENV)/.venv:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" \
	  || { echo "deepclust needs Python 3.11 or newer; try: make PYTHON=python3.12"; \
	       exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_FLAGS) --upgrade "pip>=25.1"
	touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.venv
	@echo "Installing deepclust and its tools into $(VENV); some minutes the first time"
	$(BIN)/python -m pip install $(PIP_FLAGS) --editable . --group dev
	touch $@

$(VENV)/.docs: pyproject.toml $(VENV)/.dev
	$(BIN)/python -m pip install $(PIP_FLAGS) --group docs
	touch $@

clean:
	rm -rf $(VENV) build dist docs/_build docs/api docs/gallery deepclust-demo .mypy_cache \
	  .pytest_cache .ruff_cache .hypothesis
