"""The shipped agents: what the plan asks for is trained where it is missing, put into its place, and given a card."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from joblib import Parallel, delayed

from wattward.agents.checkpoint import Manifest, read_manifest, sha256_of
from wattward.configs import ConfigError, load_agent, load_scenario
from wattward.configs.agent_zoo import Trained, Zoo
from wattward.experiments import tables
from wattward.experiments.records import PACKAGE, write_text
from wattward.experiments.train import train_agent

ZOO = PACKAGE / "agents" / "zoo"
CARD = "README.md"
TABLES = ("standard", "generalise", "optimisers")
"""Suites whose boards a card quotes, the first that has the scenario."""
COLUMNS: tuple[tables.Column, ...] = (
    ("seed", tables.number("seed", "d")),
    ("decisions", tables.number("steps_done", ",d")),
    ("validation saving", tables.number("validation_saving", ".1%")),
    ("settings", tables.text("settings")),
    ("weights", tables.text("weights")),
)

ACTS = {"modes": "a mode a region", "joint": "one number for the modes of all regions", "region": "region by region"}
TEXT = """\
# {agent} on {scenario}

**World.** {title}. **Learner.** {algorithm}, {acts}, a decision held for {hold_steps} steps of {step_minutes} minutes;
{observed} numbers observed.

{table}
Validation saving: of total cost against running all on arrival, on the validation episodes that chose this policy among
those of its run. {test}

**Again.** `wattward train {agent} --scenario {scenario} --seed N` gives the same weights on the same kind of machine
with the same packages; `wattward zoo` trains all that is missing.

**Use.** An entrant for comparisons, and a start for training on similar worlds. Nothing here has run a real data
centre: fleets, demand and forecasts are drawn from the laws that the scenario's file states.

**Settings.**

```yaml
{settings}```
"""


class Place(NamedTuple):
    """Where one trained agent belongs."""

    agent: str
    scenario: str
    seed: int

    def within(self, folder: Path) -> Path:
        """Its folder."""
        return folder / self.scenario / self.agent / f"seed-{self.seed}"


def missing(plan: Zoo, zoo: Path = ZOO) -> list[Place]:
    """What the plan asks for and the zoo lacks, or holds by other settings than the shipped ones."""
    asked = [Place(one.agent, one.scenario, seed) for one in plan.shipped for seed in range(one.seeds)]
    return [place for place in asked if not _is_there(place, zoo)]


def _is_there(place: Place, zoo: Path) -> bool:
    try:
        found = read_manifest(place.within(zoo))
    except ConfigError:
        return False
    wanted = load_agent(place.agent, load_scenario(place.scenario).name)
    return found.settings_sha256 == sha256_of(wanted.model_dump(mode="json"))


def train_missing(plan: Zoo, runs: Path, *, zoo: Path = ZOO, jobs: int = 2) -> list[Place]:
    """Trains what is missing, each in a process of its own, and ships it; interrupted runs go on.

    Args:
        plan: What is asked for.
        runs: Folder of runs.
        zoo: Where finished policies go.
        jobs: Processes.

    Returns:
        What was shipped.
    """
    todo = missing(plan, zoo)
    Parallel(n_jobs=jobs)(delayed(_train)(place, runs, zoo) for place in todo)
    return todo


def _train(place: Place, runs: Path, zoo: Path) -> None:
    final = train_agent(place.agent, place.scenario, place.seed, out=runs, resume=True, progress=False)
    ship(final, place.within(zoo))


def ship(final: Path, target: Path) -> None:
    """Puts a finished policy into its place, whole or not at all."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(final, fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def write_cards(plan: Zoo, results: Path, zoo: Path = ZOO) -> list[Path]:
    """Writes a card for each agent on each scenario, and returns their paths.

    Args:
        plan: What is shipped.
        results: Folder of published boards, whose test scores the cards quote.
        zoo: Where the policies are.
    """
    paths = [zoo / one.scenario / one.agent / CARD for one in plan.shipped]
    for one, path in zip(plan.shipped, paths, strict=True):
        write_text(path, card(one, results, zoo))
    return paths


def card(one: Trained, results: Path, zoo: Path = ZOO) -> str:
    """The card of an agent on a scenario, in Markdown."""
    made = [read_manifest(Place(one.agent, one.scenario, seed).within(zoo)) for seed in range(one.seeds)]
    first, scenario = made[0], load_scenario(one.scenario)
    facts = {
        "agent": one.agent,
        "scenario": one.scenario,
        "title": scenario.title,
        "algorithm": first.algorithm,
        "acts": ACTS[first.action_layout],
        "hold_steps": first.hold_steps,
        "step_minutes": scenario.step_minutes,
        "observed": first.observation_size,
        "table": tables.markdown(COLUMNS, [_row(manifest) for manifest in made]),
        "test": _test_scores(one, results),
        "settings": yaml.safe_dump(first.settings, sort_keys=True),
    }
    return TEXT.format(**facts)


def _row(manifest: Manifest) -> dict[str, Any]:
    weights = manifest.files["policy.safetensors"].sha256
    known = {"seed": manifest.seed, "steps_done": manifest.steps_done, "validation_saving": manifest.validation_saving}
    return {**known, "settings": manifest.settings_sha256[:8], "weights": weights[:8]}


def _test_scores(one: Trained, results: Path) -> str:
    for suite in TABLES:
        for row in _board(results / suite / "leaderboard.json"):
            if (row["entrant"], row["scenario"]) == (one.agent.upper(), one.scenario) and row["score_iqm"] is not None:
                interval = f"{row['score_iqm']:.3f} ({row['score_low']:.3f} to {row['score_high']:.3f})"
                over = f"{len(row['train_seeds'])} training seeds and {row['episodes']} test episodes"
                return (
                    f"**Test.** {interval}, interquartile mean of the score over {over}, 0 being RunOnArrival and 1 "
                    f"the hindsight bound: `wattward leaderboard {suite}`."
                )
    return "**Test.** Not on a published board."


def _board(path: Path) -> Sequence[dict[str, Any]]:
    rows: Sequence[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return rows
