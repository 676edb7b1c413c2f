# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test coverage torture setup lint lock audit clean

# Train on drawn flowers and classify pictures never seen before; minutes, no download of data.
demo: setup
	$(BIN)/python tools/demo.py

# Everything but what needs a GPU, a browser or patience.
test: setup
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
	  -m "not gpu and not browser and not slow"

# Which lines make test runs, in the programs that tests start as well; takes twice as long.
coverage: setup
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not gpu and not browser and not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered

# Try to break it, at length: kills, damaged files, full disks. make test and CI have short forms.
torture: setup
	$(BIN)/python -m pytest tests/torture --torture

# The locked versions, and this project from this folder.
setup: $(VENV)/.done

$(VENV)/.done: requirements.lock setup.py
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v < (3, 14) else "error: needs Python 3.10 to 3.13, $(PYTHON) is %d.%d: make PYTHON=python3.12 $(MAKECMDGOALS)" % v)'
	@echo "installing the locked packages into $(VENV); a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive paddle_alexnet tools setup.py

# Needs uv; for all Pythons and systems. Keeps what is locked already: a newer version is asked for
# by LOCK_WITH=--upgrade, or LOCK_WITH="--upgrade-package NAME".
COMPILE = uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
  --no-annotate $(LOCK_WITH)
lock:
	$(COMPILE) --extra cpu --extra test -o requirements.lock setup.py requirements-build.in
	$(COMPILE) -o requirements-audit.lock requirements-audit.in

# Are there known vulnerabilities in what is locked? Asks a service on the network.
audit: $(VENV)/audit/.done
	.ci/audit $(VENV)/audit/bin/pip-audit requirements.lock requirements-audit.lock

$(VENV)/audit/.done: requirements-audit.lock $(VENV)/.done
	$(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --require-hashes -r requirements-audit.lock
	touch $@

clean:
	rm -rf $(VENV)
