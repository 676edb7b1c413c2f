# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test torture setup lint lock clean

# Train on drawn flowers and classify pictures never seen before; minutes, no download of data.
demo: setup
	$(BIN)/python tools/demo.py

# Everything but what needs a GPU, a browser or patience.
test: setup
	$(BIN)/python -m pytest -m "not gpu and not browser and not slow"

# Try to break it, at length: kills, damaged files, full disks. make test has a short form of it.
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

# Needs uv; writes the newest versions that setup.py allows, for all Pythons and systems.
lock:
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-header --no-annotate \
	  --extra cpu --extra test -o requirements.lock setup.py requirements-build.in

clean:
	rm -rf $(VENV)
