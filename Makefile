# `make help` lists the targets. Everything lives in .venv; nothing outside this folder is changed.
PYTHON ?= python3
BIN := .venv/bin
# Stages are started by DVC as `python -m ...`: the environment's python has to be the first found.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# DVC looks for the user's name, and a container may have none for the number that it runs as.
export USER ?= $(shell id -un 2>/dev/null)
# A uv that is on the PATH is used; otherwise pip puts one into .setup.
UV := $(shell command -v uv 2>/dev/null || echo .setup/bin/uv)

.DEFAULT_GOAL := help
.PHONY: help setup web run up down ui check test test-fast soak bench slowest schema lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: .venv/ready ## create .venv from requirements.lock (done by the others when needed)

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12" >&2; exit 1; }
	@test -x "$(UV)" || $(PYTHON) -m pip --version >/dev/null 2>&1 || \
	  { echo "$(PYTHON) has no pip. Install it (sudo apt install python3-pip python3-venv), or install uv, then give the same command again" >&2; exit 1; }
	@echo "installing into .venv what requirements.lock names"
	@# Twice quiet: errors, but none of the warnings about places that pip has looked at in vain.
	@test -x "$(UV)" || \
	  $(PYTHON) -m pip install -qq --disable-pip-version-check --target .setup uv
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --compile-bytecode --constraint requirements.lock \
	  --editable '.[pipeline,dev]'
	@touch $@

# The page of `pix2pix export` contains two files that only npm has.
RUNTIME := pipelines/page_runtime
DIST := .setup/web/node_modules/onnxruntime-web/dist

web: $(RUNTIME)/ort-wasm-simd-threaded.wasm ## onnxruntime-web of npm, for the page of `pix2pix export`

$(RUNTIME)/ort-wasm-simd-threaded.wasm: $(RUNTIME)/package.json
	@mkdir -p .setup/web && cp $< .setup/web
	@npm install --prefix .setup/web --silent --no-package-lock --ignore-scripts --no-audit --no-fund
	@cp $(DIST)/ort.wasm.bundle.min.mjs $(DIST)/ort-wasm-simd-threaded.wasm $(RUNTIME)
	@touch $@

run: setup ## the whole pipeline: data, checks, training, evaluation, registered model
	@$(BIN)/pix2pix check
	@$(BIN)/dvc repro register
	@$(BIN)/pix2pix summary

up: setup ## Prefect, MLflow and a worker in the background (ARGS='--concurrency 8')
	@$(BIN)/pix2pix up $(ARGS)

# Without `setup`: what runs shall not be exchanged under it.
down: ## stop what `up` started
	@$(BIN)/pix2pix down

ui: setup ## the MLflow UI over the runs made here
	@$(BIN)/pix2pix ui

check: setup ## format, lint, types, import rules, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

# A process for each core; which tests stay together and in which order, tests/conftest.py says.
TEST := $(BIN)/pytest -n logical --maxprocesses 8 --dist loadgroup --no-loadscope-reorder

test: setup ## the tests, with real Ray, MLflow, Prefect and DVC
	$(TEST) -m "not soak"

test-fast: setup ## the tests that start no server, no Ray, no pipeline and take no second each
	$(TEST) -m "not (soak or slow or ray or server or pipeline)"

soak: setup ## the long statistics: many kills, lost nodes, ten flows at once, PostgreSQL
	$(BIN)/pytest -m soak

slowest: setup ## run the tests and write the table of the slowest into CONTRIBUTING.md
	$(TEST) -m "not soak" --junit-xml .pytest_cache/report.xml
	$(BIN)/python -m tests.support.slowest .pytest_cache/report.xml

bench: setup ## measure this machine and write docs/performance.md (ARGS='training_step --device cuda')
	$(BIN)/python -m benchmarks.bench $(ARGS)

schema: setup ## write params/schema.json anew from pix2pix/config, after a change of it
	$(BIN)/python -m pipelines.repository.params_schema

lock: ## compile requirements.lock anew from pyproject.toml
	$(UV) pip compile --quiet pyproject.toml --all-extras --universal --python-version 3.11 \
	  --no-header --no-annotate --upgrade -o requirements.lock

clean: ## remove what a pipeline run made (not .venv, not MLflow's runs, not what git has)
	git clean -ffdxq -- data/raw data/prepared data/parent.safetensors models reports .runs
