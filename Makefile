# Thin: every target is one or two commands one could type.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup play test check check-static bench clean

# The stage: what a performer needs. No torch.
$(VENV)/stage.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Starling needs Python 3.11 to 3.13; choose one with make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt -e .
	@touch $@

# The studio and the checks on top.
$(VENV)/studio.done: $(VENV)/stage.done
	$(PIP) install -c constraints.txt -e '.[studio,dev]'
	@touch $@

setup: $(VENV)/studio.done

play: $(VENV)/stage.done
	@sh scripts/portaudio.sh
	@$(BIN)/python -m realtime $(ARGS)

test: $(VENV)/studio.done
	$(BIN)/python -m pytest $(ARGS)

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
