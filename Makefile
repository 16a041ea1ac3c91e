# Two commands do everything: `make study` runs the demo study, `make test` the tests.
# Both stand on `make env`, which fills .venv from the hash-pinned requirements.lock.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.complete

.PHONY: study test env gpu-env check storm lock clean

study: env ## the demo study, from raw data to demo/results/report.html
	$(BIN)/snakemake --profile profiles/demo
	@echo "Done: open demo/results/report.html"

test: env ## every test, on all cores
	$(BIN)/pytest -n auto --dist loadfile

storm: env ## kill trials at random, longer than the tests do: make storm KILLS=1000
	KILLS=$(or $(KILLS),1000) $(BIN)/pytest tests/test_storm.py

check: env ## formatting, lint and types
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy
	$(BIN)/snakefmt --check workflow && $(BIN)/snakemake --lint

env: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "odyssey needs Python 3.11: apt-get install python3.11, or make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "odyssey needs Python 3.11 (MXNet 1.9.1 ends there), $(PYTHON) is another: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "odyssey needs Python's venv module: apt-get install python3.11-venv" >&2; exit 1; }
	@command -v g++ >/dev/null || { echo "odyssey needs a C++ compiler: apt-get install g++" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

gpu-env: .venv-gpu/.complete ## for `kernels: gluon` on a GPU: the same with MXNet's wheel for GPUs, 3 GB

.venv-gpu/.complete: requirements.lock requirements-gpu.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv-gpu
	.venv-gpu/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	.venv-gpu/bin/pip uninstall --quiet --yes mxnet
	.venv-gpu/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements-gpu.lock
	.venv-gpu/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	.venv-gpu/bin/odyssey gpu
	@touch $@

LOCK := uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

lock: ## resolve pyproject.toml anew (needs uv)
	$(LOCK) pyproject.toml --extra dev --output-file requirements.lock
	$(LOCK) requirements-gpu.in --no-deps --output-file requirements-gpu.lock

clean: ## forget the environment and build products, never data, results or trials
	rm -rf .venv .venv-gpu .pytest_cache .mypy_cache .ruff_cache *.egg-info

.PHONY: test-slurm install-profiles

test-slurm: env ## the tests that start a private SLURM, alone
	$(BIN)/pytest -m slurm

PROFILES := $(or $(XDG_CONFIG_HOME),$(HOME)/.config)/snakemake

install-profiles: ## so that `snakemake --profile slurm` finds profiles/slurm, and so on
	@mkdir -p "$(PROFILES)"
	@for name in demo local slurm; do \
	  at="$(PROFILES)/$$name"; \
	  if [ -e "$$at" ] && [ ! "$$at" -ef "profiles/$$name" ]; then \
	    echo "$$at is another profile: move it away first, or use --profile profiles/$$name" >&2; exit 1; \
	  fi; \
	  ln -sfn "$(CURDIR)/profiles/$$name" "$$at" && echo "$$at -> profiles/$$name"; \
	done
