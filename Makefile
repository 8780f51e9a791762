# Unitscale. Every target makes its own environment: nothing is needed but Python 3.11 or newer, make and a C library.

BIN := .venv/bin
READY := .venv/ready
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
COMPOSE ?= $(shell { docker compose version >/dev/null 2>&1 && echo docker compose; } || command -v docker-compose)

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo up test check data bench chaos

help: ## what there is to say
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Unitscale needs Python 3.11 or newer with venv" \
		"(on Debian: apt install python3-venv); make PYTHON=/path/to/python3 names one."; exit 1; }
	@echo "Setting up .venv with $(PYTHON); the first time this takes a minute or two."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## start the whole service, train three models over HTTP, show what came out, stop
	@$(BIN)/python examples/demo.py

up: $(READY) ## start API, worker and an embedded store on this machine; Ctrl-C stops them
	@$(BIN)/unitscale up

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## lint, format, import laws, types, Dockerfile, compose file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/basedpyright
	$(BIN)/hadolint Dockerfile
	@if [ -n "$(COMPOSE)" ]; then echo "$(COMPOSE) config" && \
		UNITSCALE_API_KEY=any $(COMPOSE) --file docker-compose.yml config > /dev/null; \
	else echo "SKIPPED: no docker compose here, so docker-compose.yml was not validated"; fi

data: $(READY) ## download the further data sets (shakespeare, kjv, speech, ...) and prepare all of them
	@$(BIN)/python -m worker.prefetch

bench: $(READY) ## measure training and service against their budgets
	@$(BIN)/python -m benchmarks

chaos: $(READY) ## kill and freeze parts of a running service, and count what was lost
	@$(BIN)/python -m benchmarks.chaos
