"""The shipped agents: trains the missing agents of the plan, stores them in the zoo, and writes their cards."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from joblib import Parallel, delayed

from wattward.agents.inference.checkpoint import Manifest, read_manifest, read_policy, write
from wattward.agents.inference.policy import acting_tensors
from wattward.agents.registry import load_agent
from wattward.configs.digests import sha256_of_json
from wattward.configs.files import read_json, write_json, write_text
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.zoo import Trained, Zoo
from wattward.experiments.common import tables
from wattward.experiments.common.provenance import PACKAGE, worlds_version

ZOO = PACKAGE / "agents" / "zoo"
CARD, NUMBERS = "README.md", "card.json"
TABLES = ("pair", "standard", "generalise")
"""Suites whose leaderboards a card quotes; the first suite with a score for the agent and scenario is used."""
COLUMNS: tuple[tables.Column, ...] = (
    ("seed", tables.number("seed", "d")),
    ("decisions", tables.number("steps_done", ",d")),
    ("minutes", tables.number("minutes", ".1f")),
    ("validation saving", tables.number("validation_saving", ".1%")),
    ("settings", tables.text("settings")),
    ("weights", tables.text("weights")),
)

INDEX_COLUMNS: tuple[tables.Column, ...] = (
    ("scenario", tables.text("scenario")),
    ("agent", tables.text("agent")),
    ("seeds", tables.number("seeds", "d")),
    ("decisions", tables.number("decisions", ",d")),
    ("validation saving", tables.text("validation")),
    ("test score", tables.text("test")),
)
INDEX = """\
# Shipped agents

Trained by `make zoo` from `configs/zoo.yaml` and `configs/agents`. Decisions: of each run. Validation saving: of total
cost against running all on arrival, over training seeds. Test score: interquartile mean over seeds and test episodes
with a 95 % interval, 0 being RunOnArrival and 1 the hindsight bound, which no policy can reach
([why](../../docs/limits.md)).

{table}"""
ACTS = {
    "modes": "a mode a region",
    "joint": "one number for the modes of all regions",
    "region": "region by region",
    "jobs": "an order a job",
}
TEXT = """\
# {agent} on {scenario}

**World.** {title}. **Learner.** {algorithm}, {acts}, a decision held for {action_repeat} steps of {step_minutes}
minutes; {observed} numbers observed. Trained in {worlds} worlds.

{table}
Validation saving: of total cost against running all on arrival, on the validation episodes that chose this policy among
those of its run. Minutes: of training until then, beside other work on the same two cores. {test}

**Again.** `wattward train {agent} --scenario {scenario} --seed N` gives the same weights on the same kind of machine
with the same packages; `wattward study zoo` trains all that is missing.

**Use.** A method for comparisons, and a start for training on similar worlds. Nothing here has run a real data
centre: fleets, demand and forecasts are drawn from the laws that the scenario's file states.

**Settings.**

```yaml
{settings}```
"""


class Place(NamedTuple):
    """Identifies one trained agent and its folder."""

    agent: str
    scenario: str
    seed: int

    @classmethod
    def parse(cls, name: str) -> Place:
        """Reads a place from `SCENARIO/AGENT/seed-N`, which is also the path of its folder.

        Raises:
            ConfigError: the name has another form.
        """
        found = re.fullmatch(r"([^/]+)/([^/]+)/seed-(\d+)", name)
        if found is None:
            raise ConfigError(f"{name}: must be SCENARIO/AGENT/seed-N")
        return cls(found[2], found[1], int(found[3]))

    def within(self, folder: Path) -> Path:
        """Returns its folder below `folder`."""
        return folder / self.scenario / self.agent / f"seed-{self.seed}"


def missing(plan: Zoo, zoo: Path = ZOO) -> list[Place]:
    """Lists the planned agents that are not in the zoo, or were trained with other settings than the shipped ones."""
    asked = [Place(one.agent, one.scenario, seed) for one in plan.shipped for seed in range(one.seeds)]
    return [place for place in asked if not _is_there(place, zoo)]


def _is_there(place: Place, zoo: Path) -> bool:
    try:
        found = read_manifest(place.within(zoo))
    except ConfigError:
        return False
    wanted = load_agent(place.agent, load_scenario(place.scenario).name)
    return found.settings_sha256 == sha256_of_json(wanted.model_dump(mode="json"))


def train_missing(plan: Zoo, runs: Path, train: Callable[..., Path], *, zoo: Path = ZOO, jobs: int = 2) -> list[Place]:
    """Trains the missing agents in parallel processes and puts them into the zoo. Interrupted runs are resumed.

    Args:
        plan: The planned agents.
        runs: Folder of runs.
        train: Function that trains one agent, normally `train_agent`.
        zoo: Folder for finished policies.
        jobs: Number of processes.

    Returns:
        The agents that were added to the zoo.
    """
    todo = missing(plan, zoo)
    Parallel(n_jobs=jobs)(delayed(_train)(place, runs, zoo, train) for place in todo)
    return todo


def _train(place: Place, runs: Path, zoo: Path, train: Callable[..., Path]) -> None:
    final = train(place.agent, place.scenario, place.seed, out=runs, resume=True, progress=False)
    ship(final, place.within(zoo))


def ship(final: Path, target: Path) -> None:
    """Copies the acting tensors of a finished policy to `target`, completely or not at all."""
    manifest, tensors = read_policy(final)
    write(target, manifest, acting_tensors(manifest, tensors))


def trained_again(places: Sequence[Place], train: Callable[..., Path], *, zoo: Path = ZOO, jobs: int = 2) -> list[bool]:
    """Trains shipped agents again in a temporary folder and compares the weights bit for bit.

    Args:
        places: The agents to train again.
        train: Function that trains one agent, normally `train_agent`.
        zoo: Folder of the shipped agents.
        jobs: Number of processes.

    Returns:
        For each agent, whether its weights are the same.

    Raises:
        ConfigError: one of them is not in the zoo.
    """
    shipped = [_weights(place.within(zoo)) for place in places]
    with tempfile.TemporaryDirectory() as runs:
        finals = Parallel(n_jobs=jobs)(delayed(_train_only)(place, Path(runs), train) for place in places)
        return [_weights(final) == weights for final, weights in zip(finals, shipped, strict=True)]


def _weights(folder: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in acting_tensors(*read_policy(folder)).items()}


def _train_only(place: Place, runs: Path, train: Callable[..., Path]) -> Path:
    return train(place.agent, place.scenario, place.seed, out=runs, progress=False)


def write_cards(plan: Zoo, results: Path, zoo: Path = ZOO) -> list[Path]:
    """Writes a card and a JSON file of its numbers for each agent and scenario, and returns the paths of the cards.

    Args:
        plan: The shipped agents.
        results: Folder of published leaderboards, whose test scores the cards quote.
        zoo: Folder of the policies.
    """
    paths = [zoo / one.scenario / one.agent / CARD for one in plan.shipped]
    for one, path in zip(plan.shipped, paths, strict=True):
        write_text(path, card(one, results, zoo))
        write_json(path.with_name(NUMBERS), {"seeds": _seeds(one, zoo), "test": _tested(one, results)})
    return paths


def write_index(plan: Zoo, results: Path, zoo: Path = ZOO) -> Path:
    """Writes the table of shipped agents, one row for each agent and scenario, and returns its path."""
    path, rows = zoo / CARD, [_entry(one, results, zoo) for one in plan.shipped]
    write_text(path, INDEX.format(table=tables.markdown(INDEX_COLUMNS, rows)))
    return path


def _entry(one: Trained, results: Path, zoo: Path) -> dict[str, Any]:
    seeds, tested = _seeds(one, zoo), _tested(one, results)
    savings = [100 * row["validation_saving"] for row in seeds]
    known = {
        "scenario": f"[{one.scenario}]({one.scenario}/{one.agent}/{CARD})",
        "agent": one.agent,
        "seeds": one.seeds,
        "decisions": load_agent(one.agent, one.scenario).total_steps,
        "validation": f"{min(savings):.1f} to {max(savings):.1f}%" if one.seeds > 1 else f"{savings[0]:.1f}%",
        "test": tables.MISSING,
    }
    if tested is None:
        return known
    interval = f"{tested['score_low']:.3f} to {tested['score_high']:.3f}"
    reason = f", {tested['reason']}" if "reason" in tested else ""
    return known | {"test": f"{tested['score_iqm']:.3f} ({interval}){reason}"}


def card(one: Trained, results: Path, zoo: Path = ZOO) -> str:
    """Returns the card of an agent on a scenario, in Markdown."""
    first, scenario = read_manifest(Place(one.agent, one.scenario, 0).within(zoo)), load_scenario(one.scenario)
    facts = {
        "agent": one.agent,
        "scenario": one.scenario,
        "title": scenario.title,
        "worlds": first.worlds,
        "algorithm": first.algorithm,
        "acts": ACTS[first.action_layout],
        "action_repeat": first.action_repeat,
        "step_minutes": scenario.step_minutes,
        "observed": first.observation_size,
        "table": tables.markdown(COLUMNS, _seeds(one, zoo)),
        "test": _test_scores(one, results),
        "settings": yaml.safe_dump(dict(first.settings), sort_keys=True),
    }
    return TEXT.format(**facts)


def _seeds(one: Trained, zoo: Path) -> list[dict[str, Any]]:
    return [_row(read_manifest(Place(one.agent, one.scenario, seed).within(zoo))) for seed in range(one.seeds)]


def _row(manifest: Manifest) -> dict[str, Any]:
    weights = manifest.files["policy.safetensors"].sha256
    known = {"seed": manifest.seed, "steps_done": manifest.steps_done, "validation_saving": manifest.validation_saving}
    minutes = None if manifest.wall_s is None else manifest.wall_s / 60.0
    return {**known, "minutes": minutes, "settings": manifest.settings_sha256[:8], "weights": weights[:8]}


def _tested(one: Trained, results: Path) -> dict[str, Any] | None:
    """Returns the agent's row on the scenario from the first suite in `TABLES` that has its score, or None."""
    for suite in TABLES:
        for row in _board(results / suite / "leaderboard.json"):
            if (row["method"], row["scenario"]) == (one.agent.upper(), one.scenario) and row["score_iqm"] is not None:
                shown = ("score_iqm", "score_low", "score_high", "train_seeds", "episodes")
                marked = {"reason": row["reason"]} if row.get("reason") else {}
                worlds = worlds_version(read_json(results / suite / "provenance.json") or {})
                return {"suite": suite, "worlds": worlds} | {key: row[key] for key in shown} | marked
    return None


def _test_scores(one: Trained, results: Path) -> str:
    row = _tested(one, results)
    if row is None:
        return "**Test.** Not on a published board."
    interval = f"{row['score_iqm']:.3f} ({row['score_low']:.3f} to {row['score_high']:.3f})"
    over = f"{len(row['train_seeds'])} training seeds and {row['episodes']} test episodes"
    return (
        f"**Test.** {interval}, interquartile mean of the score over {over}, 0 being RunOnArrival and 1 "
        f"the hindsight bound: `wattward leaderboard {row['suite']}` in {row['worlds']} worlds."
        + (f" Marked there: {row['reason']}." if "reason" in row else "")
    )


def _board(path: Path) -> Sequence[dict[str, Any]]:
    rows: Sequence[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return rows
