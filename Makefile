# Thin: every target is one or two commands one could type.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MARKS  ?= not device and not real_audio and not slow and not gpu and not network
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup play test check check-static bench clean

# The stage: what a performer needs. No torch.
$(VENV)/stage.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Starling needs Python 3.11 to 3.13; choose one with make PYTHON=python3.12")'
	@echo "setting up the stage in $(VENV): a minute or two, once"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	@touch $@

# The studio and the checks on top.
$(VENV)/studio.done: $(VENV)/stage.done
	@echo "setting up the studio and the checks in $(VENV): some minutes, once"
	$(PIP) install -c constraints.txt -e '.[studio,dev]'
	@touch $@

setup: $(VENV)/studio.done

play: $(VENV)/stage.done
	@sh scripts/portaudio.sh
	@$(BIN)/python -m realtime $(ARGS)

# What only computes, or waits, a file on each of two cores, in the order of their names; then what plays or counts time, alone. With ARGS: one
# pytest, of what they say.
test: $(VENV)/studio.done
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	@failed=0; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "($(MARKS)) and not live" $(REPORT) || failed=1; \
	$(BIN)/python -m pytest -m "($(MARKS)) and live" $(REPORT) || failed=1; \
	exit $$failed
endif

check-static: $(VENV)/studio.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m patches validate patches/bundled/*

check: check-static test

bench: $(VENV)/studio.done
	$(BIN)/python -m pytest tests/benchmarks_micro/bench_*.py -m '' --benchmark-only
	for name in query start stage tokens codec voices osc latency; do $(BIN)/python -m benchmarks $$name || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info
