# `make demo` and `make test` do all their own set-up, in .venv.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
# `make test` runs its parts one after the other, also with -j.
.NOTPARALLEL:

.PHONY: help demo test test-all test-unit test-local test-cluster test-metacontroller bench bench-cluster bench-scale chaos chaos-cluster check docs jar format clean
help: ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/; s/[$$]{2}/$$/' | expand -t 22

NO_REGISTRY = echo "pip could not install what setup.cfg lists, from $${PIP_INDEX_URL:-its package registry}: is it reachable?\
 PIP_INDEX_URL=https://... names another one" >&2; exit 1

# PYTHONWARNINGS: without the build backend's advice about folders, which is none of a user's.
.venv/ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "needs Python >= 3.11; set PYTHON=python3.x" >&2; exit 1; }
	@test -w . || { echo "$(CURDIR) is not writable; copy it to a folder of yours" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "could not make .venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing what setup.cfg lists into .venv"
	@$(BIN)/pip install --quiet --upgrade pip || { $(NO_REGISTRY); }
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --editable '.[local,dev]' || { $(NO_REGISTRY); }
	@touch $@

demo: .venv/ready ## the main job, on this machine, with real Flink
	$(BIN)/flinkctl demo

check: .venv/ready ## lint, format, types and the rooms' arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## lint, types and tests, fast ones first; five to ten minutes in a fresh clone on 2 cores
	$(BIN)/pytest -m 'not e2e and not slow' -n 2
	$(BIN)/pytest -m 'e2e and not slow' -n 2 --dist loadfile

test-all: export HYPOTHESIS_PROFILE = explore
test-all: check test-unit test-local ## every test that this machine can run, with new examples each time

test-unit: .venv/ready ## the tests without Flink
	$(BIN)/pytest -m 'not e2e' -n 2

test-local: .venv/ready ## all end-to-end tests, on the local runtime with real Flink
	$(BIN)/pytest -m e2e -n 2 --dist loadfile

test-cluster: .venv/ready ## the end-to-end tests, on the cluster of $$KUBECONFIG
	$(BIN)/pytest tests/e2e --cluster

test-metacontroller: .venv/ready ## the protocol's cases, on the Metacontroller of $$KUBECONFIG, which must have all rights
	$(BIN)/pytest tests/local/metacontroller --cluster -o timeout=400

bench: .venv/ready ## hooks, redaction, flinkctl, a job's life and its supervisor, as ratios to a floor of the same run
	$(BIN)/python -m bench.hooks
	$(BIN)/python -m bench.redaction
	$(BIN)/python -m bench.life
	$(BIN)/python -m bench.cli

bench-cluster: .venv/ready ## 50 FlinkClusters at once, and a job's life, on the cluster of $$KUBECONFIG
	$(BIN)/python -m bench.cluster
	$(BIN)/python -m bench.life --cluster

bench-scale: .venv/ready ## one supervisor for 10 and 100 FlinkClusters, on the cluster of $$KUBECONFIG; see bench/README.md
	$(BIN)/python -m bench.scale

CHAOS = $(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --faults $(or $(FAULTS),1000) --minutes $(or $(MINUTES),60) \
	$(if $(KINDS),--kinds $(KINDS)) $(if $(REPORT),--report $(REPORT))

chaos: .venv/ready ## faults from a SEED, at most FAULTS or MINUTES, on this machine; REPORT=docs/chaos writes it there
	$(CHAOS)

chaos-cluster: .venv/ready ## the same on the cluster of $$KUBECONFIG; API_STOP and API_START: commands for its API server
	$(CHAOS) --cluster --api-stop '$(API_STOP)' --api-start '$(API_START)'

docs: .venv/ready ## write docs/cli.md from the commands' own help, docs/fields.md from the CRDs
	$(BIN)/python -m cli.reference
	$(BIN)/python -m crds.reference

jar: .venv/ready ## rebuild the example's JAR and the supervisor's (needs javac)
	$(BIN)/python -m local.jar examples/wordcount/src/WordCount.java examples/wordcount/wordcount.jar
	$(BIN)/python -m local.jar supervisor/finder/FindState.java supervisor/finder/finder.jar

format: .venv/ready ## format and fix what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what the other targets made
	rm -rf .venv build *.egg-info
