PYTHON ?= $(shell command -v python3.11 || echo python3)
ENV := $(shell $(PYTHON) tools/install.py --where)
ENV_PYTHON := "$(ENV)/bin/python"

.PHONY: env demo test lint docs package

env:
	@$(PYTHON) tools/install.py

demo: env
	$(ENV_PYTHON) tools/demo.py

test: env
	$(ENV_PYTHON) -m pytest -q tests

lint: env
	$(ENV_PYTHON) -m ruff check .
	$(ENV_PYTHON) -m ruff format --check .

package: env
	$(ENV_PYTHON) -m build --quiet --no-isolation --outdir dist .
	$(ENV_PYTHON) -m twine check --strict dist/*

docs: env
	$(ENV_PYTHON) -m sphinx -W -n -b html docs build/docs
