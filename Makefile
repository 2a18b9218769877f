# Everything that a person or CI runs. All work happens in .venv of this checkout; figures go to build/bench/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

NAME ?= demo
KUBECONFIG_DEMO := build/kubeconfig
KUBECONFIG_TEST := build/test/kubeconfig
KUBECONFIG_CHAOS := build/chaos/kubeconfig
PYTHON := .venv/bin/python
SOURCES := sdk operator worker-image local-cluster examples benchmarks tests $(PAGES)
PAGES := docs/source_pages.py docs/index.md docs/tutorial docs/how-to
LOCAL := PYTHONPATH=local-cluster python3 -m
# helm and kubectl as the cluster's own: built once where they come from source.
TOOLS = export PATH="$$($(LOCAL) local_cluster tools --only helm,kubectl):$$PWD/.venv/bin:$$PATH" KUBECONFIG="$$PWD/$(1)"

.PHONY: help
help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | column -t -s "$$(printf '\t')"

# --- set-up ------------------------------------------------------------------------------------------------------

.venv/ready: requirements-dev.lock pyproject.toml
	@echo "setting up .venv"
	@test -x .venv/bin/python || python3 -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements-dev.lock)"
	@.venv/bin/uv pip sync --quiet requirements-dev.lock
	@.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: .venv/ready ## the virtual environment

.PHONY: packages
packages: # what unit and contract tests need from Debian; elsewhere bring your own redis-server
	@command -v redis-server >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null; } \
	  || { echo "redis-server is missing: install Redis 7 or later and put it on PATH"; exit 1; }
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { [ "$$(id -u)" = 0 ] \
	  && command -v apt-get >/dev/null && apt-get update -qq \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; } \
	  || echo "PostgreSQL is missing: the tests that restart one are skipped"

.PHONY: lock
lock: .venv/ready ## resolve the dependencies anew
	.venv/bin/uv pip compile $(LOCK) --extra worker --extra operator --group build pyproject.toml -o requirements.lock
	.venv/bin/uv pip compile $(LOCK) --all-extras --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock
LOCK := --quiet --universal --generate-hashes --no-header --no-emit-index-url --no-annotate --python-version 3.11

# --- checks ------------------------------------------------------------------------------------------------------

COMMANDS := $(PYTHON) -m typer --app program penstock.cli.commands utils docs --name penstock --title Commands

.PHONY: generate
generate: .venv/ready ## crds/, the chart's CRDs and the reference pages
	$(PYTHON) -m penstock.crd --out crds --chart charts/penstock --docs docs/reference/resources.md
	$(COMMANDS) --output docs/reference/commands.md

.PHONY: check
check: .venv/ready ## format, lint, types, import contracts, generated files, docs
	.venv/bin/ruff format --check $(SOURCES)
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/mypy sdk/penstock operator/penstock_operator worker-image/penstock_worker local-cluster examples benchmarks tests docs/source_pages.py
	.venv/bin/basedpyright --project tests/typing
	.venv/bin/lint-imports
	$(PYTHON) -m penstock.crd --out crds --chart charts/penstock --docs docs/reference/resources.md --check
	@mkdir -p build && $(COMMANDS) --output build/commands.md > /dev/null
	@cmp build/commands.md docs/reference/commands.md || { echo "docs/reference/commands.md is stale: make generate"; exit 1; }
	@test ! -e operator/__init__.py || { echo "operator/__init__.py would shadow the standard library: remove it"; exit 1; }
	$(SITE)

.PHONY: docs
docs: .venv/ready ## the docs as a site, in build/site; any warning is an error
	$(SITE)
# Material's notice of what comes after MkDocs 1 is meant for people who choose versions.
SITE := NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build

# --- tests -------------------------------------------------------------------------------------------------------

.PHONY: unit
unit: .venv/ready packages ## the tests that need no cluster
	$(PYTHON) -m pytest tests/unit tests/tutorial tests/contract tests/foreign

.PHONY: test
test: .venv/ready packages ## all tests, on a real cluster of their own; it is removed afterwards
	@trap '$(LOCAL) local_cluster down --name test' EXIT; \
	$(LOCAL) release up --name test --kubeconfig $(KUBECONFIG_TEST); \
	$(call TOOLS,$(KUBECONFIG_TEST)); \
	export PENSTOCK_E2E_KUBECONFIG="$$KUBECONFIG" PENSTOCK_E2E_FILES="$$PWD/build/test/test"; \
	$(PYTHON) -m pytest tests

.PHONY: chaos-operator
chaos-operator: .venv/ready packages ## faults around the operator in full: killed during 5,000 Tasks, the API server away for 75 s
	@trap '$(LOCAL) local_cluster down --name chaos' EXIT; \
	$(LOCAL) release up --name chaos --kubeconfig $(KUBECONFIG_CHAOS); \
	$(call TOOLS,$(KUBECONFIG_CHAOS)); \
	export PENSTOCK_E2E_KUBECONFIG="$$KUBECONFIG" PENSTOCK_E2E_FILES="$$PWD/build/chaos/chaos"; \
	export PENSTOCK_FAULTS=full PENSTOCK_FAULTS_OUT=build/bench/operator-faults.json; \
	$(PYTHON) -m pytest -s tests/e2e/test_operator_faults $(ARGS)

.PHONY: chaos-autoscale
chaos-autoscale: .venv/ready packages ## autoscaling in full: 100 wake-ups, 300 scale-ins under load, rollouts and faults in between
	@trap '$(LOCAL) local_cluster down --name chaos' EXIT; \
	$(LOCAL) release up --name chaos --kubeconfig $(KUBECONFIG_CHAOS); \
	$(call TOOLS,$(KUBECONFIG_CHAOS)); \
	export PENSTOCK_E2E_KUBECONFIG="$$KUBECONFIG" PENSTOCK_E2E_FILES="$$PWD/build/chaos/chaos"; \
	export PENSTOCK_FAULTS=full PENSTOCK_AUTOSCALE_OUT=build/bench/autoscale-e2e.json; \
	$(PYTHON) -m pytest -s tests/e2e/test_autoscale $(ARGS)

# --- clusters ----------------------------------------------------------------------------------------------------

.PHONY: cluster
cluster: ## a real single-node Kubernetes (or kind, or PENSTOCK_KUBECONTEXT); prints the export line
	@$(LOCAL) local_cluster up --install --name $(NAME) --kubeconfig $(KUBECONFIG_DEMO)

.PHONY: cluster-down
cluster-down: ## remove it, with all that it left
	@$(LOCAL) local_cluster down --name $(NAME)

.PHONY: demo
demo: .venv/ready ## set everything up and run the main job
	@PYTHONPATH=local-cluster:examples $(PYTHON) -m demo --name $(NAME) --kubeconfig $(KUBECONFIG_DEMO)

# --- figures -----------------------------------------------------------------------------------------------------

.PHONY: bench
bench: .venv/ready packages ## Penstock beside seven other task queues on one Redis; ARGS=--help
	PYTHONPATH=. $(PYTHON) -m benchmarks.overhead
	PYTHONPATH=. $(PYTHON) -m benchmarks.peers $(ARGS)

.PHONY: overhead
overhead: .venv/ready packages ## what a single enqueue costs beyond the round trip
	PYTHONPATH=. $(PYTHON) -m benchmarks.overhead

.PHONY: flows
flows: .venv/ready packages ## how long 10,000 calls and their sum take, and a step of a chain
	PYTHONPATH=. $(PYTHON) -m benchmarks.flows

.PHONY: batch-bench
batch-bench: .venv/ready packages ## items a second of a batch of 100,000, streamed and run by one worker process
	PYTHONPATH=. $(PYTHON) -m benchmarks.batch

.PHONY: faults
faults: .venv/ready packages ## 200 workers killed at random moments during 50,000 tasks: nothing lost, nothing settled twice
	PYTHONPATH=. $(PYTHON) -m benchmarks.faults $(ARGS)

.PHONY: costs
costs: .venv/ready packages ## where the microseconds of a task go, in Redis and in the worker
	PYTHONPATH=. $(PYTHON) -m benchmarks.costs $(ARGS)

.PHONY: looks
looks: .venv/ready packages ## how long a look at 1,000 queues takes, and how much of it is Redis' own time
	PYTHONPATH=. $(PYTHON) -m benchmarks.looks
	PYTHONPATH=. $(PYTHON) -m benchmarks.evaluation

.PHONY: capacity
capacity: .venv/ready ## Tasks/s beside the bare API and Jobs, latency, 50,000 live Tasks, on the demo's cluster; ARGS=--quick
	@test -f $(KUBECONFIG_DEMO) || { echo "no demo cluster: run make demo first"; exit 1; }
	@$(call TOOLS,$(KUBECONFIG_DEMO)); PYTHONPATH=. $(PYTHON) -m benchmarks.capacity $(ARGS)

.PHONY: autoscale
autoscale: .venv/ready ## the scaling policy beside models of KEDA and HPA, simulated; ARGS=--help
	@PYTHONPATH=. $(PYTHON) -m benchmarks.autoscale $(ARGS)

.PHONY: autoscale-validate
autoscale-validate: .venv/ready ## the simulator's prediction beside a real pool of the demo's cluster, five minutes
	@test -f $(KUBECONFIG_DEMO) || { echo "no demo cluster: run make demo first"; exit 1; }
	@$(call TOOLS,$(KUBECONFIG_DEMO)); PYTHONPATH=. $(PYTHON) -m benchmarks.autoscale.validation
