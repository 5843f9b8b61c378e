# Two commands: `make` builds the environment and runs the laptop study; `make test` runs the tests.

PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

# the tests that hold equations against other methods; none trains long, none runs the workflow
ORACLES := $(addprefix tests/test_,$(addsuffix .py,theory statistics networks artifacts study sources scripts compiled_code))

export PATH := $(CURDIR)/$(BIN):$(PATH)

# make CACHE=DIR: results are taken from that folder where it has them, and put there where it hasn't
ifdef CACHE
export SNAKEMAKE_OUTPUT_CACHE := $(shell mkdir -p "$(CACHE)" && cd "$(CACHE)" && pwd)
USE_CACHE := --cache
endif

.PHONY: study record compare claim verify environment check test test-rebuild test-slurm report archive bench docs lint format lock clean help
.DEFAULT_GOAL := study

study: $(READY)  ## the laptop study: training, fits, figures, tables, claims of all experiments (results/)
	snakemake all $(USE_CACHE)
	@test ! -f results/compared.md || head -n 1 results/compared.md

record: $(READY)  ## the study of record: 20 networks a setting (70 minutes on 2 cores, resumable), kept in docs/record/
	snakemake all --configfile config/record.yaml $(USE_CACHE)
	PYTHONPATH=workflow/scripts python -m repdyn.pipeline.record
	PYTHONPATH=workflow/scripts python -m repdyn.pipeline.prose

report: study  ## results/report.html: every figure and table in one file that opens without a network
	snakemake all --report results/report.html

archive: $(READY)  ## results/archive.zip: results, code, configuration, versions, as an RO-Crate; CONFIG=config/record.yaml DATA=1
	PYTHONPATH=workflow/scripts python -m repdyn.pipeline.archive $(CONFIG) $(if $(DATA),--data)

compare: $(READY)  ## results against the study of record, a sentence a claim (OVERLAY=config/paper.yaml)
	@PYTHONPATH=workflow/scripts python -m repdyn.pipeline.asked_claims all $(OVERLAY)

claim: $(READY)  ## one claim: its table is made and held against criterion and record (NAME=orbit_paper_smooth)
	@PYTHONPATH=workflow/scripts python -m repdyn.pipeline.asked_claims $(NAME) $(OVERLAY)

verify: $(READY)  ## some results made again and compared, byte for byte (FILES="results/tables/depth.csv ...")
	@PYTHONPATH=workflow/scripts python -m repdyn.pipeline.verify $(FILES)

environment: $(READY)  ## .venv with everything that is needed, and nothing else

check: lint  ## for the working day: lint, types, and the tests of equations, networks and statistics (under a minute)
	python -m pytest --numprocesses auto --dist loadfile $(ORACLES)

test: $(READY)  ## all tests but those on SLURM, and one that makes the smoke study a second time
	python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test-rebuild: $(READY)  ## the smoke study twice from nothing, killed midway the second time: the same bytes? (6 minutes)
	python -m pytest -m rebuild

test-slurm: $(READY)  ## the SLURM profile on a real SLURM, started on this machine (Debian, root): 6 to 12 minutes
	python tests/slurm/cluster.py python -m pytest -m slurm --numprocesses 7 tests/slurm

bench: $(READY)  ## speed, as ratios measured side by side, and a figure of it: half an hour (installs JAX, to compare with)
	@python -c "import jax" 2>/dev/null || python -m pip install --quiet --constraint requirements.lock jax==0.10.2
	python benchmarks/training.py
	python benchmarks/fitting.py
	python benchmarks/mnist_epochs.py
	python benchmarks/planning.py
	python benchmarks/training_figure.py

# in that group of pyproject.toml, pinned; the environment itself has none of it
DOCS = python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups']['docs'])"

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(READY)  ## the documentation as a site that opens offline, site/index.html; tests it and the tutorial's notebook
	@python -c "import mkdocs, nbclient, ziamath" 2>/dev/null || \
		python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock $$($(DOCS))
	mkdocs build --strict --quiet
	python -m pytest -m site tests/test_site.py

lint: $(READY)  ## snakefmt, snakemake --lint, ruff, mypy
	snakefmt --check Snakefile workflow/Snakefile workflow/rules
	snakemake --lint
	ruff check
	ruff format --check
	mypy

format: $(READY)  ## write the code the way lint wants it
	snakefmt Snakefile workflow/Snakefile workflow/rules
	ruff check --fix
	ruff format

lock: $(READY)  ## renew requirements.lock from pyproject.toml
	python workflow/envs/lock.py

clean:  ## remove results and Snakemake's notes; the environment stays
	rm -rf site .snakemake .pytest_cache .hypothesis .ruff_cache .mypy_cache
	find results -mindepth 1 ! -name README.md -delete

help:  ## this text
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{printf "  make %-11s %s\n", $$1, $$2}'
	@echo "  make CACHE=/path/to/folder        to share results between folders and users"
	@echo "  make PYTHON=/path/to/python3.11   to choose the interpreter for .venv"

$(READY): requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11, or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -r requirements.lock
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' .venv/lib >/dev/null || true  # on all cores, as pip can't; some files are templates
	touch $@
