# make demo   install into .venv, pick a subset of a small real dataset with the offline models
# make test   ruff, mypy --strict and the tests
# make docs   the site, into site/
# make bench  speed and memory, beside a peer or a bound
# make torture  half an hour or more of damage, kills and lies; fails on anything but zeros (MINUTES=25, ARGS=--short)
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Installed first: a bare `torch` would bring the CUDA build on machines without a GPU.
TORCH ?= torch==2.13.0
MINUTES ?= 25

.PHONY: demo test lint format docs bench torture clean

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check "$(TORCH)"
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.torch
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[offline,demo]"
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.torch
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[offline,demo,llm,remote,fast,ray,tune,view,docs,dev]"
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/python demo/make_dataset.py demo-data
	$(BIN)/finegold pick demo-data/captions.json --encoder offline --size 20 --out demo-out
	$(BIN)/python demo/summary.py demo-data demo-out

lint: $(VENV)/.dev
	$(BIN)/ruff format --check src tests benchmarks demo scripts
	$(BIN)/ruff check src tests benchmarks demo scripts
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format src tests benchmarks demo scripts
	$(BIN)/ruff check --fix src tests benchmarks demo scripts

# Compiled once: where PYTHONDONTWRITEBYTECODE is set, each of the hundreds of processes that tests start compiles all.
# One thread for each of as many processes as there are cores: more threads wait for one another, at twice the cost.
test: lint
	$(BIN)/python -m compileall -q src
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/clip_throughput.py
	$(BIN)/python benchmarks/clustering.py
	$(BIN)/python benchmarks/pickers.py
	$(BIN)/python benchmarks/scale.py --rows 100000,1000000

torture: $(VENV)/.dev
	$(BIN)/python -m tests.torture --minutes $(MINUTES) $(ARGS)

clean:
	rm -rf site demo-data demo-out demo-out.run
