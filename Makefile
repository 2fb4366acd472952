# Two commands do everything on a machine with only Python and make:
#   make demo   one experiment from phantom radiographs to a table of AUCs, in ./demo
#   make test   the tests
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python

.PHONY: demo test test-slow lint clean

demo: $(VENV)/.core
	@echo "== 1/3 phantom PadChest release (synthetic radiographs) -> demo/release"
	$(RUN) -m input_pipeline phantom padchest --out-dir demo/release --images 2000 --seed 0
	@echo "== 2/3 prepared dataset -> demo/prepared"
	$(RUN) -m input_pipeline prepare padchest --raw-dir demo/release --out-dir demo/prepared \
	  --split patient --image-size 112
	@echo "== 3/3 training, predictions, statistics -> demo/run"
	$(RUN) -m jaxcxr.main --config=configs/demo.py --workdir=demo/run

test: $(VENV)/.test
	@echo "== tests (real data beside the repository is used where present)"
	$(RUN) -m pytest -m "not slow"

test-slow: $(VENV)/.test
	@echo "== slow tests"
	$(RUN) -m pytest -m slow

lint: $(VENV)/.test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

$(VENV)/bin/python:
	@echo "== environment -> $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml
	@echo "== installing the core (no torch, no TensorFlow)"
	$(RUN) -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml tests/constraints.txt
	@echo "== installing what the tests compare against (PyTorch, timm, scikit-learn, ...)"
	$(RUN) -m pip install --quiet --editable '.[dev]' --constraint tests/constraints.txt
	@touch $@

clean:
	rm -rf demo $(VENV)
