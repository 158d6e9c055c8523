# Everything that a person or CI runs. All paths are relative, so the folder may have spaces in its name.
#
#   make run PORT=9000                 another port           ASSAY_HOME=/some/folder make run   another data folder
#   make install PYTHON=python3.12     another interpreter    make install TORCH_BACKEND=cpu     cpu, cuda or auto
#   make requirements UPGRADE=1        newest versions instead of the ones pinned now

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install run ocr evals check test format lint requirements clean dev

PORT ?=
PYTHON ?=
TORCH_BACKEND ?= auto
UPGRADE ?=
export PYTHON TORCH_BACKEND
# Kept, whatever the shell says: without it each start of `assay` compiles some 400 modules, half of its time.
export PYTHONDONTWRITEBYTECODE :=

PY := .venv/bin/python
# Tests share servers, models and files within a file of tests, never between files. Each process needs up to 3 GB.
AT_ONCE = -n auto --maxprocesses 4 --dist loadfile
COMPILE = .venv/bin/uv pip compile --quiet --config-file requirements/uv.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header $(if $(UPGRADE),--upgrade)

help: ## List these targets
	@sed -n 's/^\([a-z]*\): [^#]*## /\1 /p' Makefile | while read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

install: ## Prepare .venv with what Assay needs to run
	@sh scripts/install.sh run

run: install ## Start the web chat at http://127.0.0.1:8000 (the first time with an account and sample documents)
	@.venv/bin/assay serve --with-samples $(if $(PORT),--port "$(PORT)")

ocr: ## Add text recognition for scanned pages and pictures (350 MB)
	@sh scripts/install.sh ocr

evals: ## Add ragas and models as judges, for `assay eval run --judge` (400 MB)
	@sh scripts/install.sh evals

check: lint ## The fast checks: lint, then unit and component tests
	$(PY) -m pytest $(AT_ONCE) tests/unit tests/component

test: lint ## Every check and every test, browser and server tests too
	$(PY) -m pytest $(AT_ONCE)

format: dev ## Rewrite the sources the way `make lint` wants them
	$(PY) -m ruff check --fix --exit-zero --quiet .
	$(PY) -m ruff format .

lint: dev ## Format, lint, types, import contract, Dockerfile, compose file
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	.venv/bin/hadolint Dockerfile
	$(PY) -m check_jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

requirements: ## Compile the pins in requirements/ from pyproject.toml
	@sh scripts/install.sh tools
	$(COMPILE) --no-deps --group tools -o requirements/tools.txt
	$(COMPILE) --no-deps --group models -o requirements/models.txt
	$(COMPILE) -c requirements/torch.txt --no-emit-package torch --no-emit-package openvino-telemetry pyproject.toml --group build -o requirements/run.txt
	$(COMPILE) -c requirements/run.txt --group dev --group evals -o requirements/dev.txt
	$(COMPILE) -c requirements/run.txt -c requirements/dev.txt --group ocr -o requirements/ocr.txt
	$(COMPILE) -c requirements/run.txt -c requirements/dev.txt --group evals -o requirements/evals.txt

clean: ## Remove .venv and everything that was generated (never your documents)
	rm -rf .venv build dist assay.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

dev:
	@sh scripts/install.sh dev
