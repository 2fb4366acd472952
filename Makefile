# Two commands do everything on a machine with only Python and make:
#   make demo   a small study from phantom radiographs to tables and a page, in ./demo
#   make test   the tests
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
EXTRAS ?= dev
# Two processes, a file of tests each at a time: files share what is costly to make.
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PYTEST_FLAGS ?=
# The versions that were tested with this Python; another one takes the nearest we have.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
CONSTRAINTS := $(firstword $(wildcard constraints/python$(VERSION).txt) constraints/python3.11.txt)

.PHONY: demo test test-slow test-targets test-long lint clean

demo: $(VENV)/.core
	@echo "== a small study on synthetic pictures: data, three trainings, tables, page -> demo/"
	$(RUN) -m jaxcxr.study --study=configs/study/demo.py --out demo

test: $(VENV)/.test-$(EXTRAS)
	@echo "== tests (real data beside the repository is used where present)"
	$(RUN) -m pytest -m "not slow and not targets and not long" $(SPREAD) $(PYTEST_FLAGS)

test-slow: $(VENV)/.test-$(EXTRAS)
	@echo "== slow tests"
	$(RUN) -m pytest -m slow $(SPREAD) $(PYTEST_FLAGS)

test-long: $(VENV)/.test-$(EXTRAS)
	@echo "== full disks, kills and Ctrl-C at any moment of any command; not part of CI"
	$(RUN) -m pytest -m long $(PYTEST_FLAGS)

# The compilers lie beside the environment: installed into it, JAX would look for their chips.
test-targets: $(VENV)/.test-$(EXTRAS) $(VENV)/.targets
	@echo "== compiling for accelerators that are not here"
	PYTHONPATH=$(VENV)/targets $(RUN) -m pytest -m targets $(PYTEST_FLAGS)

lint: $(VENV)/.test-$(EXTRAS)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

$(VENV)/bin/python:
	@echo "== environment -> $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml $(CONSTRAINTS)
	@echo "== installing the core (no torch, no TensorFlow)"
	$(RUN) -m pip install --quiet --editable . --constraint $(CONSTRAINTS)
	@touch $@

$(VENV)/.test-$(EXTRAS): $(VENV)/bin/python pyproject.toml $(CONSTRAINTS)
	@echo "== installing what the tests compare against (PyTorch, timm, scikit-learn, ...)"
	$(RUN) -m pip install --quiet --editable '.[$(EXTRAS)]' --constraint $(CONSTRAINTS)
	@touch $@

$(VENV)/.targets: $(VENV)/bin/python $(CONSTRAINTS)
	$(RUN) -m pip install --quiet --no-deps --target $(VENV)/targets --constraint $(CONSTRAINTS) \
	  jax-cuda12-pjrt jax-cuda12-plugin libtpu nvidia-cuda-nvcc-cu12 nvidia-cudnn-cu12
	@touch $@

clean:
	rm -rf demo $(VENV)
