.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types contract format structure coverage wheel-test results year kill-test zoo cards cases rules markets clean

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
SUITE ?= quick
RECORDING ?= $(WATTWARD_DATA)
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# one step of the smallest world compiles the kernels into their cache, so that no worker has to later
define COMPILE
import gymnasium, os
for threads in {1, min(2, os.cpu_count() or 1)}:
    fleet = gymnasium.make_vec("wattward:wattward/Toy-v1", num_envs=2, threads=threads, reward="saving")
    fleet.reset(seed=0)
    fleet.step(fleet.action_space.sample())
env = gymnasium.make("wattward/Toy-v1").unwrapped
env.reset(seed=0)
env.restore(env.save())
endef
export COMPILE

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: $(STAMP)  ## an environment in .venv with the package and its tools (only when pyproject.toml is newer)

# torch by itself first: its CPU build, where pip can see one, is then not replaced by the dependencies of others
$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "torch~=2.13.0"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	$(BIN)/python -c "$$COMPILE"
	touch $@

demo: install  ## rank the shipped PPO and DQN agents against the rules on the quick suite
	$(BIN)/wattward leaderboard quick

test: install  ## the whole test suite
	$(BIN)/pytest -n $(JOBS) --dist worksteal

check: lint types contract test  ## everything a change must pass, but the wheel

lint: install  ## style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: install  ## mypy, strict
	$(BIN)/mypy

contract: install  ## imports point down, between rooms and inside them
	$(BIN)/lint-imports --no-cache

format: install  ## let ruff lay the files out
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

structure: install  ## modules a folder, the longest import chain, lines of code, letters of names
	$(BIN)/python .ci/structure.py

coverage: install  ## the suite with branch coverage; compiled kernels are outside its sight
	$(BIN)/pytest -n $(JOBS) --dist worksteal --cov --cov-report term-missing:skip-covered

wheel-test: install  ## the wheel, built from the sdist and installed elsewhere, passes the tests
	VENV=$(VENV) .ci/wheel

results: install  ## recompute the README's numbers: an hour or more (RECORDING names a folder of recorded series)
	$(BIN)/wattward leaderboard quick
	$(BIN)/wattward leaderboard standard --versus MPC-24
	$(BIN)/wattward study case zhejiang-xinjiang --episodes 50 --recording $(RECORDING)
	$(BIN)/python -c "from pathlib import Path; from wattward.experiments.leaderboard.readme import update; update(Path('README.md'), Path('results'))"

# the zones' prices, carbon and air; sun, wind and requests stay drawn
define ZONES
from pathlib import Path
from sys import argv
from wattward.envs.world.importers.options import Options
from wattward.envs.world.importers.registry import import_files
zones = {"new-south-wales": "AU-NSW", "germany": "DE-LU", "singapore": "SG", "california": "US-CAL-CISO", "texas": "US-TEX-ERCO"}
kinds = {
    "prices": {"value_columns": ("price_usd_mwh",), "currency": "USD", "per": "MWh", "exchange_rate": 7.1},
    "carbon": {},
    "air": {"fill": "repeat-day"},
}
for region, zone in zones.items():
    for kind, told in kinds.items():
        import_files(kind, [Path(argv[1], "zones_2024", f"{zone}_2024.csv.gz")], Path(argv[2]), Options(region, **told))
endef
export ZONES

year: install  ## every rule on recorded years, each step checked (RECORDING names the folder of china_2020 and zones_2024)
	$(BIN)/wattward study year zhejiang-xinjiang --recording $(RECORDING) --jobs $(JOBS)
	$(BIN)/python -c "$$ZONES" $(RECORDING) results/cache/zones-2024
	$(BIN)/wattward study year follow-the-sun --recording results/cache/zones-2024 --jobs $(JOBS)

kill-test: install  ## a leaderboard killed at ten random moments ends as one left alone (SUITE names it)
	$(BIN)/python -m wattward.experiments.evaluation.kill_test $(SUITE) --jobs $(JOBS)

zoo: install  ## every shipped agent that is missing, trained from the shipped settings, and the cards of all
	$(BIN)/wattward study zoo --jobs $(JOBS)

cards: install  ## docs/scenarios from the shipped scenarios
	$(BIN)/python -c "from pathlib import Path; from wattward.experiments.describe.cards import write_cards; write_cards(Path('docs/scenarios'))"

cases: install  ## docs/cases.md: what was published beside what the simulator says
	$(BIN)/wattward study cases

rules: install  ## docs/rules.md: every rule that decides for jobs beside its voted form
	$(BIN)/wattward study voted --page docs/rules.md --jobs $(JOBS)

markets: install  ## configs/tariffs/market-* from recorded prices (RECORDING names the folder that holds zones_2024)
	$(BIN)/python -m wattward.experiments.data.fit_market $(RECORDING)

clean:  ## drop caches and builds; .venv and results stay
	rm -rf dist build htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find agents baselines configs envs experiments src tests -name __pycache__ -type d -prune -exec rm -rf {} +
