# Groundwork. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# The first Python on the path that is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := UV_COMPILE_BYTECODE_TIMEOUT=0 $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode
READY := $(VENV)/.ready
UV := uv==0.13.8
# cpu: PyTorch without CUDA, from PyTorch's own index. Its versions are the locked ones, its files others.
TORCH ?=
ifneq ($(filter-out cpu,$(TORCH)),)
$(error TORCH=$(TORCH) is not known. TORCH=cpu installs PyTorch without CUDA; leave it out for the locked files)
endif
SAMPLE := data/01_raw/sample/.complete

# Kedro and DVC send nothing anywhere.
export DO_NOT_TRACK := 1

.PHONY: help install sample run viz site test lint starter repro soak walk docs format lock dvc clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | awk -F'\t' '{printf "  make %-9s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found. Install it, or name it: make PYTHON=/path/to/python3.12 run"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(UV)"
	# Compiled once here, or each start compiles PyTorch anew where Python is told to write no bytecode.
ifeq ($(TORCH),cpu)
	awk '/^[a-z]/ {drop = /^(torch|torchvision|triton|nvidia-.*|cuda-.*)==/ && !/^nvidia-ml-py/} !drop' requirements.lock >$(VENV)/others.lock
	$(INSTALL) --no-deps --require-hashes -r $(VENV)/others.lock
	$(INSTALL) --no-deps --torch-backend cpu $$(grep -oE '^torch(vision)?==[0-9.]+' requirements.lock)
else
	$(INSTALL) --require-hashes -r requirements.lock
endif
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

install: $(READY) ## Make .venv with the locked dependencies and the two packages; TORCH=cpu leaves out CUDA

$(SAMPLE): $(READY) conf/base/parameters_sample_data.yml $(wildcard src/fieldwork/pipelines/sample_data/*.py)
	$(BIN)/kedro run --pipelines sample_data
	@touch $@

sample: $(SAMPLE) ## Make the embedded sample

run: $(READY) $(SAMPLE) ## Run everything, on the embedded sample; RECIPE=name runs a recipe, RECIPE=data+model two together
	$(BIN)/kedro run --env $(or $(RECIPE),local)

viz: $(READY) ## Show the pipelines in the browser
	$(BIN)/kedro viz run

site: $(READY) ## Write the pipelines as a page in build/, without paths of this machine
	$(BIN)/kedro viz build --include-previews
	$(BIN)/python -m fieldwork.viz_site build

test: $(READY) ## Run the test suite; ARGS=... are given to pytest
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

lint: $(READY) ## ruff, mypy, import contracts, dvc.yaml in step, Dockerfile and workflows (budgets: tests/house)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m fieldwork.dvc_stages check
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/pytest -q tests/house

starter: $(READY) ## Make a project of one's own of the last commit in build/, and run its tests and linters
	rm -rf build/new-project
	$(BIN)/groundwork new build/new-project --recipe hls_water --recipe s2_scene
	cd build/new-project && export PYTHONPATH=$$PWD/src PATH=$(CURDIR)/$(BIN):$$PATH && ruff check . && ruff format --check . \
		&& lint-imports && python -m new_project.dvc_stages check && OMP_NUM_THREADS=1 pytest -p no:cacheprovider

docs: $(READY) ## Write the documentation as a site, in site/ (search needs a server: python -m http.server -d site)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

repro: $(READY) ## Run what is out of date (dvc repro), also where a kill hit DVC itself
	$(BIN)/python -m fieldwork.dvc_mending
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

soak: $(READY) ## Kill the stages twenty times, and compare what is made in the end with an unbroken run (half an hour)
	$(BIN)/python tests/end_to_end/soak.py

walk: $(READY) ## Run every command that the pages show, as a reader would (an hour)
	$(BIN)/python tests/end_to_end/walk.py

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY) ## Resolve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --upgrade --quiet --output-file requirements.lock >/dev/null

dvc: $(READY) ## Derive dvc.yaml from pipelines and catalog; RECIPE=name writes the stages of a recipe: conf/name/dvc.yaml
	$(BIN)/python -m fieldwork.dvc_stages write $(RECIPE)

clean: ## Remove what runs made (raw data stays)
	find data/0[2-8]_* -mindepth 1 ! -name .gitkeep ! -name .gitignore ! -name '*.dvc' -delete
