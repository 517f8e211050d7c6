# make repro     install, then run the pipeline on the embedded demo (or on what params.yaml names)
# make test      install, then check the style and run the tests
# make coverage  which lines of the library the tests do not run
# make app       install, then serve the page at http://localhost:8501 (PORT=8600 takes another port) and open it where there is a
#                display; runs the pipeline first where there is no model yet
# make plots     every chart of the last run on one page that opens without a network
# make bench     timings, side by side, into docs/benchmarks.md; CLIPS=/folder/of/clips and CROPS=/folder/of/faces measure on your own,
#                ONLY="page repro" these alone
# make fuzz      judge N=20000 damaged media files: none may break it, hang, or get a verdict without a face
# make faults    kill a toy-sized pipeline N=60 times and fill its disk (as root): the next run ends at the same bytes
# make machines  the pipeline at toy size with other Pythons, processors, paths, users and languages, without a network (as root)
# make pictures  the pictures of the README, from the demo's results (needs Chromium)
#
# Each makes .venv by itself when it is missing or older than the requirements. PYTHON=python3.12 picks another Python.

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

.PHONY: repro test coverage app plots bench fuzz faults machines pictures
.DELETE_ON_ERROR:

repro: .venv/runtime
	python -m dvc repro

test: .venv/dev
	ruff check
	ruff format --check
	mypy
	python -m pytest -n auto --dist loadfile --no-loadscope-reorder --durations 15

coverage: .venv/dev
	python -m pytest -n auto --dist loadfile --no-loadscope-reorder --cov

app: .venv/runtime
	@test -f models/detector.onnx || { \
	  echo "models/detector.onnx is missing: running the pipeline first, five to eight minutes on 2 cores with the embedded demo"; \
	  python -m dvc repro; }
	@echo "the page: http://localhost:$(PORT)"
	python -m streamlit run app/streamlit_app.py --server.port $(PORT) $(if $(DISPLAY)$(WAYLAND_DISPLAY),$(OPENED))

plots: .venv/runtime
	python -m deepfake_detector plots

bench: .venv/dev
	python -m benchmarks --clips "$(CLIPS)" --crops "$(CROPS)" $(if $(ONLY),--only $(ONLY))

fuzz: .venv/dev
	PYTHONPATH=tests python -m fuzz.run --inputs $(or $(N),20000)

faults: .venv/dev
	PYTHONPATH=tests python -m faults.run --kills $(or $(N),60)

machines: .venv/dev
	PYTHONPATH=tests python -m machines.run

pictures: .venv/dev
	PYTHONPATH=. python docs/pictures.py

.venv/runtime: requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "error: $(PYTHON) is missing or older than 3.11; name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@.venv/bin/python -c "" 2>/dev/null || $(PYTHON) -m venv --clear .venv || { echo "error: $(PYTHON) cannot make an environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "installing the packages of requirements.txt: some minutes and 5 GB, most of it PyTorch"
	python -m pip install --quiet -r requirements.txt
	@touch $@

.venv/dev: .venv/runtime requirements-dev.txt
	python -m pip install --quiet -r requirements-dev.txt
	@touch $@
