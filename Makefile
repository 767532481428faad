# The verbs of this project; people and CI use the same ones.
# On Windows use `py installers/make.py VERB`, which does the same without make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install run test check format bench screenshots package slow nightly lock

help: ## show the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: $(VENV)/.dev ## make the environment in .venv, with what the system lacks

$(VENV)/.dev: installers/requirements/dev.txt pyproject.toml installers/make.py
	$(PYTHON) installers/make.py install

run: ## make the environment if needed and start the app
	@$(PYTHON) installers/make.py run

test: install ## the default suite
	$(BIN)/python installers/make.py test

slow: install ## the tests that CI adds to the default suite
	$(BIN)/python installers/make.py slow

nightly: install ## the long loops
	$(BIN)/python installers/make.py nightly

check: install ## lint, format, types, import contracts, dead code, dependencies
	$(BIN)/python installers/make.py check

format: install ## write the format
	$(BIN)/python installers/make.py format

bench: install ## the measurements, compared with the committed baseline
	$(BIN)/python installers/make.py bench

screenshots: install ## every window, theme and state into docs/images
	$(BIN)/python installers/make.py screenshots

package: install ## a wheel and a source archive into dist
	$(BIN)/python installers/make.py package

lock: install ## resolve the requirements anew; nothing younger than seven days is taken
	$(BIN)/python installers/make.py lock
