# Each target makes .venv by itself where it is missing or older than the requirements. PYTHON=python3.12
# picks another Python. What stands behind ## is what `make` alone prints.

PYTHON ?= python3
PORT = 8501
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# an environment whose Python is gone (upgraded, or the folder was moved) is made anew
ifneq ($(shell .venv/bin/python -c "print('works')" 2>/dev/null),works)
.PHONY: .venv/runtime
endif

# how Streamlit opens the page in the browser, without asking for an address and advertising on the way
OPENED = --server.headless false --server.showEmailPrompt false --logger.hideWelcomeMessage true
# one process more than cores: many a test waits for what it has started
PROCESSES = $(shell echo $$(($$(nproc) + 1)))
# a test that ends its process ends the run: pytest-xdist 3.8 may wait forever once it replaced one
PYTEST = python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: help repro app plots lint fix quick test coverage bench fuzz faults machines pictures
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

repro: .venv/runtime  ## run the pipeline on the embedded demo, or on what params.yaml names
	python -m dvc repro

app: .venv/runtime  ## serve the page at http://localhost:8501 and open it; make app PORT=8600 takes another
	@test -f models/detector.onnx || { \
	  echo "models/detector.onnx is missing: running the pipeline first, four to ten minutes on 2 cores with the embedded demo"; \
	  python -m dvc repro; }
	@echo "the page: http://localhost:$(PORT)"
	python -m streamlit run app/streamlit_app.py --server.port $(PORT) $(if $(DISPLAY)$(WAYLAND_DISPLAY),$(OPENED))

plots: .venv/runtime  ## every chart of the last run on one page, and its report, without a network
	python -m deepfake_detector plots

lint: .venv/dev  ## check style, types and what a subpackage may import
	ruff check
	ruff format --check
	mypy
	lint-imports --no-logo

fix: .venv/dev  ## fix the style where that can be done automatically
	ruff check --fix
	ruff format

quick: .venv/dev  ## the unit tests that take under a third of a second each, with fewer examples
	$(PYTEST) --hypothesis-profile quick -m "not slow"

test: lint  ## lint, then all tests
	$(PYTEST) --durations 15

coverage: .venv/dev  ## which lines of the library the tests do not run
	$(PYTEST) --cov

bench: .venv/dev  ## timings side by side; CLIPS= and CROPS= name your own folders, ONLY="page repro" these alone
	python -m benchmarks --clips "$(CLIPS)" --crops "$(CROPS)" $(if $(ONLY),--only $(ONLY))

fuzz: .venv/dev  ## judge N=20000 damaged media files: none may break it, hang, or get a faceless verdict
	PYTHONPATH=tests python -m fuzz.run --inputs $(or $(N),20000)

faults: .venv/dev  ## kill a toy pipeline N=60 times and fill its disk (as root): the same bytes come back
	PYTHONPATH=tests python -m faults.run --kills $(or $(N),60)

machines: .venv/dev  ## the toy pipeline on other Pythons, processors, paths, users, languages (as root)
	PYTHONPATH=tests python -m machines.run

pictures: .venv/dev  ## the pictures of the README, from the demo's results (needs Chromium)
	PYTHONPATH=. python docs/pictures.py

.venv/runtime: requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "error: $(PYTHON) is missing or older than 3.11; name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@.venv/bin/python -c "" 2>/dev/null || $(PYTHON) -m venv --clear .venv || { echo "error: $(PYTHON) cannot make an environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "installing the packages of requirements.txt: some minutes and 7 GB, most of it PyTorch"
	python -m pip install --quiet -r requirements.txt
	@touch $@

.venv/dev: .venv/runtime requirements-dev.txt
	python -m pip install --quiet -r requirements-dev.txt
	@touch $@
