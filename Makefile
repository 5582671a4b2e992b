# Needs Python 3.11 or later and make; uv is used where it is there, because it is fast.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

.PHONY: bench-multiprocessing test-cpython hello test test-heavy test-integration test-ceph test-kubernetes check format bench bench-storage bench-energy bench-functions lithops-suites clean

# A run starts thousands of Python processes: they compile nothing anew, whatever the caller wants.
unexport PYTHONDONTWRITEBYTECODE

hello: $(VENV)/.installed
	$(BIN)/greenlithops hello

# Two files at a time: most tests wait for servers and workers more than they compute.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-heavy: $(VENV)/.dev
	$(BIN)/python -m pytest -m heavy

test-integration: $(VENV)/.data
	bash tests/integration/setup
	$(BIN)/python -m pytest -m integration -rs

# As root, on Debian; the contract of S3, and the heavy tests of storages, on a Ceph of this machine.
test-ceph: $(VENV)/.dev
	bash tests/support/servers/ceph-setup.sh
	$(BIN)/python -m pytest -m ceph

# CLUSTER=path of a program that runs a cluster here, or KUBECONFIG of any; see tests/kubernetes/setup
test-kubernetes: $(VENV)/.dev
	eval "$$(bash tests/kubernetes/setup $(BIN)/python)" && $(BIN)/python -m pytest -m kubernetes --durations=10 tests/kubernetes

# CPython's own tests of multiprocessing and concurrent.futures, joblib's and scikit-learn's of
# parallel runs; ARGS=parts of tests' names. PYTHON must come with its test package.
SUITES := cpython_suite futures_suite joblib_suite
test-cpython: $(VENV)/.dev
	failed=0; for suite in $(SUITES); do \
	  $(BIN)/python tests/multiprocessing/suites/$$suite.py $(ARGS) || failed=1; \
	done; exit $$failed

# RUNNER=path of a program that runs Lithops' own tests; ARGS=--versions … --storages …
lithops-suites: $(VENV)/.dev
	$(BIN)/python tools/lithops_suites.py $(RUNNER) $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

bench-storage: $(VENV)/.dev
	$(BIN)/python benchmarks/storage/run.py

bench-energy: $(VENV)/.dev
	$(BIN)/python benchmarks/energy/speed.py
	$(BIN)/python benchmarks/energy/short_calls.py
	$(BIN)/python benchmarks/energy/run.py $(ARGS)

bench-functions: $(VENV)/.dev
	$(BIN)/python benchmarks/http_calls/run.py

bench-multiprocessing: $(VENV)/.dev
	$(BIN)/python benchmarks/multiprocessing/run.py

$(VENV)/.installed: pyproject.toml
ifdef UV
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --editable .
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
endif
	touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.installed
ifdef UV
	$(UV) pip install --quiet --python $(BIN)/python --editable '.[dev]'
else
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
endif
	touch $@

$(VENV)/.data: pyproject.toml $(VENV)/.dev
ifdef UV
	$(UV) pip install --quiet --python $(BIN)/python --editable '.[dev,data]'
else
	$(BIN)/python -m pip install --quiet --editable '.[dev,data]'
endif
	touch $@

clean:
	rm -rf $(VENV) .venvs .bench .mypy_cache .pytest_cache .ruff_cache .hypothesis
