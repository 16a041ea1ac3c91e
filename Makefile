# Two commands do everything: `make study` runs the demo study, `make test` the tests.
# Both stand on `make env`, which fills .venv from the hash-pinned requirements.lock.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.complete

# Nothing of the user's may get into the environment: modules' packages on PYTHONPATH, and settings of
# pip that put packages elsewhere. Where pip finds its index, and how, stays as the user has it.
unexport PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT
unexport PIP_NO_BINARY PIP_ONLY_BINARY PIP_PYTHON PIP_DRY_RUN PIP_EDITABLE PIP_NO_DEPS PIP_PRE
export PIP_USER := 0
export PIP_REQUIRE_VIRTUALENV := 0
# Through Python: the first line of a script can't name a path with blanks on every system. Byte code
# is made afterwards, on all cores: half of pip's time. Some packages hold files of other Pythons.
INSTALL = $(1)/python -m pip install --no-compile --quiet --disable-pip-version-check
IN_PLACE = --no-deps --no-build-isolation --editable .
COMPILE = $(1)/python -m compileall -q -j 0 $(1)/../lib >/dev/null 2>&1 || true
# Python reads it at every start: what PYTHONPATH holds comes last, also for Snakemake.
OWN_FIRST = cp workflow/envs/own-packages-first.pth "$$($(1)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

.PHONY: study example test test-fast env gpu-env check storm lock docs pictures clean help

# The music column's page comes first, while the others train.
study: env ## (default) the demo study, from raw data to demo/results/report.html
	$(BIN)/python -m snakemake --profile profiles/demo --prioritize demo/results/jsb/report.html
	@echo "Done: open demo/results/report.html"

example: env ## the example of docs/extending.md: digits as a file of one's own, to a report
	$(BIN)/python docs/digits.py example/digits.h5
	$(BIN)/python -m snakemake --profile profiles/demo --configfile docs/digits.yaml
	@echo "Done: open example/results/report.html"

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A worker takes a whole file, the longest first; none follows one that died, for the same file would kill it.
# In the end the run names what took longest.
SHARED_OUT = -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --durations 10 --durations-min 2

test: env ## every test, on all cores
	$(BIN)/pytest $(SHARED_OUT)

test-fast: env ## the tests without the slow ones: an answer in about a minute on two quiet cores
	$(BIN)/pytest $(SHARED_OUT) -m "not slow"

storm: env ## kill trials and Snakemake at random, longer than the tests do: make storm KILLS=1000
	KILLS=$(or $(KILLS),1000) $(BIN)/pytest tests/runs/test_storm.py

check: env ## formatting, lint and types
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(find odyssey tests benchmarks -name '*.h' -o -name '*.cc' -o -name '*.cuh' -o -name '*.cu')
	$(BIN)/snakefmt --check workflow && $(BIN)/snakemake --lint

env: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "odyssey needs Python 3.11: apt-get install python3.11, or make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "odyssey needs Python 3.11 (MXNet 1.9.1 ends there), $(PYTHON) is another: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "odyssey needs Python's venv module: apt-get install python3.11-venv" >&2; exit 1; }
	@command -v g++ >/dev/null || { echo "odyssey needs a C++ compiler: apt-get install g++" >&2; exit 1; }
	@case "$$PWD" in *[:\"\'\\\$$\`]*) echo "odyssey can't be set up in $$PWD: its path must be without : \" ' \\ \$$ and \`; move the checkout" >&2; exit 1;; esac
	$(PYTHON) -m venv --clear .venv
	$(call INSTALL,$(BIN)) --require-hashes --requirement requirements.lock
	$(call INSTALL,$(BIN)) $(IN_PLACE)
	@$(call OWN_FIRST,$(BIN))
	@$(call COMPILE,$(BIN))
	@$(BIN)/python -c 'import odyssey, numpy' || { echo "pip did not install into .venv: look for target or prefix in \`$(BIN)/python -m pip config list\`" >&2; exit 1; }
	@touch $@

gpu-env: .venv-gpu/.complete ## for `kernels: gluon` on a GPU: the same with MXNet's wheel for GPUs, 3 GB

.venv-gpu/.complete: requirements.lock requirements-gpu.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv-gpu
	$(call INSTALL,.venv-gpu/bin) --require-hashes --requirement requirements.lock
	.venv-gpu/bin/python -m pip uninstall --quiet --yes mxnet
	$(call INSTALL,.venv-gpu/bin) --require-hashes --no-deps --requirement requirements-gpu.lock
	$(call INSTALL,.venv-gpu/bin) $(IN_PLACE)
	@$(call OWN_FIRST,.venv-gpu/bin)
	@$(call COMPILE,.venv-gpu/bin)
	.venv-gpu/bin/odyssey gpu
	@touch $@

LOCK := uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

lock: ## resolve pyproject.toml anew (needs uv)
	$(LOCK) pyproject.toml --extra dev --output-file requirements.lock
	$(LOCK) requirements-gpu.in --no-deps --output-file requirements-gpu.lock
	$(LOCK) requirements-docs.in --output-file requirements-docs.lock

docs: .venv-docs/.complete ## the site of docs/, to site/index.html; offline once .venv-docs is there
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --strict --quiet
	@echo "Done: open site/index.html; with search: python3 -m http.server --directory site"

# Small, and apart from .venv: the site needs neither MXNet nor NumPy.
.venv-docs/.complete: requirements-docs.lock
	$(PYTHON) -m venv --clear .venv-docs
	$(call INSTALL,.venv-docs/bin) --require-hashes --requirement requirements-docs.lock
	@touch $@

pictures: env ## draw docs/pictures anew from the code
	$(BIN)/python -m docs.made.pictures

clean: ## forget the environment and build products, never data, results or trials
	rm -rf .venv .venv-gpu .venv-docs site .pytest_cache .mypy_cache .ruff_cache *.egg-info

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
