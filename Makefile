# Every target sets up .venv from the lock first, once. Settings: make TARGET NAME=value
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
PROFILE ?= auto
DATA_DIR ?= data
RESULTS ?= results
SUITE ?= suites/cifar.yaml
ADDRESS ?=
ARGS ?=
# Values may hold spaces and quotes: a recipe quotes each for the shell, but for ARGS, which are words.
# A tilde at the beginning stays outside of the quotes.
quoted = $(subst '~/,~/','$(subst ','\'',$1)')
empty :=
BIN := $(call quoted,$(VENV))/bin
READY := $(subst $(empty) ,\ ,$(VENV))/.ready
OUT = $(call quoted,$(RESULTS))
DATA = $(call quoted,$(DATA_DIR))
# README.md tells what the records of this repository say, not those of another folder.
WITH_README = $$([ $(OUT) -ef results ] && echo --readme README.md)

.PHONY: help
help: ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-21s %s\n", $$1, $$2}' $(call quoted,$(strip $(MAKEFILE_LIST)))
	@printf '\nSettings: PROFILE=auto|paper|quick (reproduce-mnist has none; reproduce-cifar and plan'
	@printf ' also quick5|methods|released|modern|modern-methods; reproduce-sparsity also matched;'
	@printf ' reproduce-experiments repeats|rates|rates-normalised|rates-plain|modern-pairs|modern-methods'
	@printf '|pairs|constant-rate|long-parents|short-parents|short-nesterov|modern-without-nesterov'
	@printf '|mnist-kept|preact|depth)\n'
	@printf '          DATA_DIR=%s RESULTS=%s ARGS="--time-limit 2h"\n' $(DATA) $(OUT)
	@printf '          submit: SUITE=suites/cifar.yaml ADDRESS=http://head:8265 RESULTS=/shared/results\n'

.PHONY: install
install: $(READY) ## Create .venv and install exactly what requirements.lock says

# Hashes are checked for every package. The last step needs no network: its build tools are locked.
$(READY): requirements.lock pyproject.toml
	@echo installing requirements.lock into $(call quoted,$(VENV)): a few minutes, 7 GB
	$(call quoted,$(PYTHON)) -m venv $(call quoted,$(VENV))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --no-index --editable .
	touch $(call quoted,$@)

.PHONY: demo
demo: $(READY) ## The whole way on bundled digits, 1 to 2 minutes on two cores
	$(BIN)/ttq-bench run suites/demo.yaml --results $(OUT)/demo $(ARGS)

RUN = $(BIN)/ttq-bench run suites/$(@:reproduce-%=%).yaml --profile $(call quoted,$(PROFILE)) \
	  --data-dir $(DATA) --results $(OUT) $(ARGS)

.PHONY: reproduce-cifar
reproduce-cifar: $(READY) ## Table 1 of the paper on CIFAR-10; resumes when repeated
	$(RUN)

.PHONY: reproduce-asymmetry
reproduce-asymmetry: $(READY) ## Do the scales diverge, does it matter: training, then probes
	$(RUN)
	$(MAKE) probe

.PHONY: reproduce-sparsity
reproduce-sparsity: $(READY) ## Error against sparsity under both delta strategies
	$(RUN)

.PHONY: reproduce-experiments
reproduce-experiments: $(READY) ## One experiment that the answer needs, by PROFILE: training, then probes
	$(RUN)
	$(MAKE) probe

.PHONY: reproduce-mnist
reproduce-mnist: $(READY) ## Every method on MNIST with ten seeds: training, then probes
	$(RUN)
	$(MAKE) probe

.PHONY: reproduce-imagenet
reproduce-imagenet: $(READY) ## Tables 2 and 3 of the paper; PROFILE=table2|table3|mini
	$(RUN)

.PHONY: submit
submit: $(READY) ## Run SUITE as a job of the Ray cluster whose dashboard is at ADDRESS
	$(BIN)/ttq-bench submit $(call quoted,$(SUITE)) --address $(call quoted,$(ADDRESS)) \
	  --profile $(call quoted,$(PROFILE)) --results $(OUT) $(if $(filter-out data,$(DATA_DIR)),--data-dir $(DATA)) $(ARGS)

.PHONY: probe
probe: $(READY) ## Measure on trained weights what equal scales cost, then report
	$(BIN)/ttq-bench probe --data-dir $(DATA) --results $(OUT)
	$(BIN)/ttq-bench report --results $(OUT)

.PHONY: verify
verify: $(READY) ## Recompute every cell of results, and of README for RESULTS=results
	$(BIN)/ttq-bench verify --results $(OUT) $(WITH_README)

.PHONY: doctor
doctor: $(READY) ## Check this machine, or with ARGS=--cluster each node
	$(BIN)/ttq-bench doctor --data-dir $(DATA) --results $(OUT) $(ARGS)

.PHONY: speed
speed: $(READY) ## Measure this machine: steps, trials side by side, roofline; writes results/speed.md
	$(BIN)/ttq-bench speed --results $(OUT) $(ARGS)

.PHONY: plan
plan: $(READY) ## Show what a run of SUITE would do (default: what reproduce-cifar would)
	$(BIN)/ttq-bench plan $(call quoted,$(SUITE)) --profile $(call quoted,$(PROFILE)) --data-dir $(DATA) \
	  --results $(OUT) $(ARGS)

.PHONY: report
report: $(READY) ## Redraw tables, figures, summary and README's answer from the records
	$(BIN)/ttq-bench report --results $(OUT) $(WITH_README)

# The markers `slow` and `full` of pyproject.toml part the tests; -m overrides what it says there.
PYTEST = python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations=10
TESTS = $(BIN)/$(PYTEST)

.PHONY: test
test: $(READY) ## Run the quick tests, five minutes on two cores; ARGS=-n0 in one process
	$(TESTS) $(ARGS)

.PHONY: test-slow
test-slow: $(READY) ## Run the other tests that CI runs
	$(TESTS) -m 'slow and not full' $(ARGS)

.PHONY: test-full
test-full: $(READY) ## Run all tests, also those of minutes each, with the full counts of faults
	TTQ_BENCH_TESTS=full $(TESTS) -m '' $(ARGS)

LOWEST = $(call quoted,$(VENV)-lowest)

.PHONY: test-lowest
test-lowest: $(READY) ## Run the quick tests with the lowest versions that pyproject.toml allows, mlflow apart (7 GB more)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	$(BIN)/uv pip compile --quiet pyproject.toml --extra cluster --extra onnx --extra s3 \
	  --extra tensorboard --resolution lowest-direct --python $(LOWEST)/bin/python \
	  --output-file $(LOWEST)/lowest.txt
	$(BIN)/uv pip install --quiet --python $(LOWEST) --requirement $(LOWEST)/lowest.txt
	$(BIN)/uv pip install --quiet --python $(LOWEST) --constraint $(LOWEST)/lowest.txt --editable '.[dev]'
	$(LOWEST)/bin/$(PYTEST) $(ARGS)

.PHONY: faults
faults: $(READY) ## Kill, fill, cut and damage everything; writes results/robustness.md (hours on two slow cores)
	TTQ_BENCH_TESTS=full TTQ_BENCH_ROBUSTNESS=$(OUT)/robustness.md \
	  $(BIN)/python -m pytest -m '' tests/faults $(ARGS)

.PHONY: check
check: $(READY) ## Lint, types, import contracts
	$(BIN)/ruff format --check ttq_bench tests
	$(BIN)/ruff check ttq_bench tests
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew into requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --universal \
	  --no-emit-index-url --python-version 3.11 --quiet --output-file requirements.lock

.PHONY: clean
clean: ## Delete results/demo and caches of this checkout (never records, whatever RESULTS says)
	@[ -f ttq_bench/cli.py ] || { echo 'make clean: run it in the checkout itself' >&2; exit 1; }
	[ -L results ] || rm -rf results/demo
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# An environment that was copied or moved along with a checkout runs the code of the other place.
$(READY): | environment-of-this-checkout
.PHONY: environment-of-this-checkout
environment-of-this-checkout:
	@[ ! -e $(BIN)/../.ready ] || \
	  { place=$$(head -qn 1 $(BIN)/../lib/python3*/site-packages/*ttq_bench.pth); [ "$$place" -ef . ]; } || \
	  { echo "$(VENV) was copied or moved here, and runs the code of another place; delete it, then make sets up a new one" >&2; exit 2; }
