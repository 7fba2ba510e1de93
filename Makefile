# The few commands of daily work. `make` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PORT ?= 8000
PYTEST ?=
DEMO ?= vps
BENCH ?=
PY := .venv/bin/python

.PHONY: help up demo test chaos bench check docs lock assets clean environment development

help: ## Show this list
	@echo "EZ Solutions: every paid order is fulfilled exactly once, and anyone can check it."
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Options: PORT=8000 (up, demo)   PYTEST='tests/unit -k money' (test)   UPGRADE=--upgrade (lock)"

up: environment assets ## Run the whole product on this machine: http://127.0.0.1:8000, with sample plans and sandboxes
	@exec $(PY) -m ez up --port $(PORT)

demo: environment ## Show a capability against a running `make up`: DEMO=vps, mixed, keys or life
	@exec $(PY) -m ez.demo $(DEMO) --url http://127.0.0.1:$(PORT)

test: development assets ## Run every test; PYTEST='path -k name' chooses some
	@exec $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST)

chaos: development assets ## Buy while everything breaks, then check every promise: CHAOS_ORDERS=200 CHAOS_SEED=1
	@exec $(PY) -m tests.chaos

bench: development assets ## Measure speed beside other ways to do the same: BENCH='P1 P3 --quick' chooses some
	@exec $(PY) -m bench $(BENCH)

docs: development ## Write docs/generated and the table of currencies
	@$(PY) -m ez docs
	@$(PY) -m tests.support.make_currencies
	@$(PY) -m tests.faults.catalogue --write

# Environments and assets: each step checks by itself whether there is anything to do.

environment:
	@requirements/sync embedded

development:
	@requirements/sync development

ASSET_STAMP := .cache/assets
ASSET_SOURCES := package.json package-lock.json $(shell find gateway/web/assets gateway/web/build 2>/dev/null)

assets: $(if $(wildcard gateway/web/static/dist/*),,rebuild-assets) $(ASSET_STAMP) ## Build the styles, scripts, icons and fonts of the web pages

.PHONY: rebuild-assets
rebuild-assets:
	@rm -f $(ASSET_STAMP)

node_modules/.installed: package.json package-lock.json
	@requirements/sync embedded
	@echo "==> Installing the web pages' packages (package-lock.json)"
	@requirements/npm ci --no-audit --no-fund
	@touch $@

$(ASSET_STAMP): node_modules/.installed $(ASSET_SOURCES)
	@echo "==> Building the web assets"
	@requirements/npm run --silent build
	@mkdir -p $(@D) && touch $@

# Checks: one target per tool, so that one failure does not hide the others.

CHECKS := format lint types imports docs locks dockerfile compose kubernetes

check: development assets ## Check format, lint, types, architecture, generated documents and deployment files
	@$(MAKE) --keep-going $(CHECKS:%=check-%)
	@echo "All checks passed."

# $(call step,what it is,command): the name at once, then the result and the seconds; the output only on failure.
define step
	@printf '  %-46s' '$(1)'; begin=$$SECONDS; \
	if output=$$( ($(2)) 2>&1); then echo "ok      $$((SECONDS - begin)) s"; \
	else echo "FAILED  $$((SECONDS - begin)) s"; printf '%s\n' "$$output"; exit 1; fi
endef

.PHONY: $(CHECKS:%=check-%)
check-format:
	$(call step,format (ruff format),$(PY) -m ruff format --check .)
check-lint:
	$(call step,lint (ruff check),$(PY) -m ruff check .)
check-types:
	$(call step,types (mypy --strict),$(PY) -m mypy)
check-imports:
	$(call step,who may import whom (import-linter),.venv/bin/lint-imports)
check-docs:
	$(call step,generated documents are current,$(PY) -m ez docs --check && $(PY) -m tests.support.make_currencies --check && $(PY) -m tests.faults.catalogue --check)
check-locks:
	$(call step,locks name no host,! grep -n '://' requirements/*.txt && ! grep -n '"resolved"' package-lock.json)
check-dockerfile:
	$(call step,Dockerfile (hadolint),.venv/bin/hadolint Dockerfile)
check-compose:
	$(call step,docker-compose.yml (dclint),requirements/npm exec --offline -- dclint --config deploy/compose/dclint.yaml --max-warnings 0 docker-compose.yml)
check-kubernetes:
	$(call step,deploy/k8s (kubernetes-validate --strict),.venv/bin/kubernetes-validate --strict $$(find deploy/k8s -name '*.yaml' ! -name kustomization.yaml))

# Locks. They hold hashes and no address, so that every mirror serves.

COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(UPGRADE)

lock: development ## Renew the hash-pinned locks from requirements/*.in and package.json
	@for name in bootstrap node production embedded development testservers bench; do \
		echo "==> requirements/$$name.txt"; \
		$(COMPILE) requirements/$$name.in -o requirements/$$name.txt; \
	done
	@echo "==> package-lock.json"
	@requirements/npm install --package-lock-only --no-audit --no-fund

clean: ## Remove environments, caches and built assets; the data in .ez/ stays
	rm -rf .venv .venv-bench .cache node_modules gateway/web/static/dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
