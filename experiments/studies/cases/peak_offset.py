"""Compares a published case with this simulator: the announced rule under both tariffs, drawn and recorded worlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.configs.files import write_json, write_text
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common import tables
from wattward.experiments.common.provenance import provenance
from wattward.experiments.common.records import Record, frame
from wattward.experiments.evaluation.cells import Cell, blocks
from wattward.experiments.evaluation.executor import run_cells
from wattward.experiments.evaluation.methods import Method, method
from wattward.experiments.evaluation.playing import FLOOR, check_fit
from wattward.experiments.evaluation.worlds import Worlds
from wattward.experiments.leaderboard.ranking import summary

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Key = tuple[str, bool, str]


@dataclass(frozen=True)
class Case:
    """A published claim, the scenarios that test it by tariff, and the methods that are played."""

    title: str
    scenarios: Mapping[str, str]
    methods: tuple[str, ...]
    published: str


CASES = {
    "zhejiang-xinjiang": Case(
        title="Zhejiang-Xinjiang peak offset",
        scenarios={"2024": "zhejiang-xinjiang-2024", "2026": "zhejiang-xinjiang"},
        methods=("PeakOffset", "PeakOffset-NoReturn", FLOOR),
        published="electricity cost per token -18 %, both sites at 60-80 % load",
    )
}


def case(name: str) -> Case:
    """Returns a case by its name.

    Raises:
        ConfigError: no case has this name.
    """
    if name not in CASES:
        raise ConfigError(f"unknown case {name!r} (known: {', '.join(sorted(CASES))})")
    return CASES[name]


def run_case(
    it: Case, episodes: int, recording: str | None, cache_dir: Path, *, jobs: int = 2, progress: bool = True
) -> list[Row]:
    """Rows of a case: one for each tariff, world and method, on the test split.

    Raises:
        ConfigError: a scenario or the recording cannot be used. This is found before the first episode runs.
    """
    methods = [method(name) for name in it.methods]
    recordings = [None, recording] if recording else [None]
    meets = [Worlds(scenario, "test", source) for scenario in it.scenarios.values() for source in recordings]
    for worlds in meets:
        check_fit(methods, worlds)
    records = run_cells(_cells(meets, methods, episodes), cache_dir, jobs=jobs, progress=progress)
    return compare(it, records)


def compare(it: Case, records: Sequence[Record]) -> list[Row]:
    """Compares each method with RunOnArrival under the same tariff and in the same world."""
    table = frame(records)
    groups = {
        (str(s), bool(r), str(e)): group for (s, r, e), group in table.groupby(["scenario", "recorded", "method"])
    }
    tariffs = {scenario: tariff for tariff, scenario in it.scenarios.items()}
    order = sorted(groups, key=lambda key: (tariffs[key[0]], key[1], it.methods.index(key[2])))
    return [_row(groups, key, tariffs[key[0]]) for key in order]


def publish_case(name: str, rows: Sequence[Row], out: Path) -> list[Path]:
    """Writes NAME.json and NAME.md under `out` and returns their paths."""
    it = case(name)
    paths = [out / f"{name}.json", out / f"{name}.md"]
    write_json(paths[0], {"case": name, "published": it.published, "rows": rows, "provenance": provenance()})
    about = (
        f"Published: {it.published}.\n\n{rows[0]['episodes']} test episodes a row, in {WORLDS_VERSION} worlds. {NOTE}"
    )
    write_text(paths[1], f"# {it.title}\n\n{about}\n\n{tables.markdown(tables.CASE, rows)}")
    return paths


NOTE = (
    "Savings are against RunOnArrival on the same test episodes. Cost: the sum of all terms. Saving per GPU-h: of "
    "energy and demand charge for each GPU-h of work done, requests included and restarts not, the nearest there is to "
    "electricity cost per token. Load: mean of both sites. In band: share of time a site is at 60-80 % load."
)


def _cells(meets: Sequence[Worlds], methods: Sequence[Method], episodes: int) -> list[Cell]:
    parts = blocks(episodes, 5)
    return [Cell(who, worlds, first, last) for worlds in meets for who in methods for first, last in parts]


def _row(groups: Mapping[Key, pd.DataFrame], key: Key, tariff: str) -> Row:
    scenario, recorded, _ = key
    ours, floor = _energy_cost_per_gpu_h(groups[key]), _energy_cost_per_gpu_h(groups[scenario, recorded, FLOOR])
    return {
        **summary(groups[key]),
        "tariff": tariff,
        "world": "recorded" if recorded else "drawn",
        "energy_cost_per_gpu_h": ours,
        "energy_saving": 1.0 - ours / floor,
        "utilisation": float(groups[key]["utilisation"].mean()),
    }


def _energy_cost_per_gpu_h(group: pd.DataFrame) -> float:
    scenario = load_scenario(str(group["scenario"].iloc[0]))
    fleet_gpu_h = sum(region.fleet.gpus for region in scenario.regions) * scenario.n_steps * scenario.step_h
    useful_gpu_h = (group["utilisation"] * fleet_gpu_h - group["restart_gpu_h"]).sum()
    return float((group["energy_cost"] + group["demand_cost"]).sum() / useful_gpu_h)
