"""Parts of a published leaderboard: their names, and functions that compute them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattward.configs.digests import digest, folder_digest
from wattward.configs.loading.reading import DISTURBED_BY
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.suite import Suite
from wattward.experiments.common.provenance import PACKAGE
from wattward.experiments.common.records import Record
from wattward.experiments.common.tables import ALL
from wattward.experiments.evaluation import statistics
from wattward.experiments.evaluation.scores import Floats
from wattward.experiments.evaluation.worlds import Worlds, recording_digest
from wattward.experiments.leaderboard import compare as shift
from wattward.experiments.leaderboard import ranking
from wattward.experiments.leaderboard.ranking import Limits

ZOO = PACKAGE / "agents" / "zoo"

TAUS = tuple(round(float(tau), 3) for tau in np.linspace(-0.5, 1.0, 61))
"""Scores at which performance profiles are evaluated."""
LEADERBOARD, PROFILES, RANKS, EPISODES = "leaderboard.json", "profiles.json", "ranks.json", "episodes.parquet"
PROVENANCE, CONFIGS = "provenance.json", "configs"
UNTIMED = ("decision_us",)
"""Measured times, which differ from run to run."""


def limits_of(suite: Suite) -> Limits:
    """The limits that a suite sets for its methods."""
    return Limits(suite.most_late_share, suite.most_dropped_share)


def configs_of(suite: Suite) -> dict[str, Any]:
    """The resolved suite and scenarios by file name, without the path of recorded series."""
    shown = suite.model_dump(mode="json") | {"recording": None if suite.recording is None else "RECORDING"}
    scenarios = dict.fromkeys(worlds.scenario for worlds in worlds_of(suite))
    return {"suite.json": shown} | {
        f"{Path(name).stem}.json": load_scenario(name).model_dump(mode="json") for name in scenarios
    }


def statistics_of(suite: Suite, records: Sequence[Record]) -> dict[str, Any]:
    """Performance profiles with bands, and stability of ranks, by world and over all; comparisons of the suite."""
    worlds = ranking.worlds_in(records, limits_of(suite))
    by_world = {label: world.tables() for label, world in worlds.items()}
    if len(worlds) > 1:
        by_world[ALL] = ranking.overall_tables(worlds)[0]
    return {
        PROFILES: {
            "taus": TAUS,
            **{label: {name: _profile(table) for name, table in own.items()} for label, own in by_world.items()},
        },
        RANKS: {
            label: {name: held.tolist() for name, held in statistics.rank_stability(own).items()} if own else {}
            for label, own in by_world.items()
        },
        **({shift.SHIFT: shift.compare(records, suite.compare, limits_of(suite))} if suite.compare else {}),
    }


def digests_by_method(records: Sequence[Record]) -> dict[str, str]:
    """Digests of the records of each world, method and training seed, without measured times."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        plain: Record = {key: value for key, value in record.items() if key not in UNTIMED and value is not None}
        groups.setdefault(group_name(record), []).append(plain)
    return {name: digest(group) for name, group in groups.items()}


def group_name(record: Mapping[str, Any]) -> str:
    """World, method and training seed of a record, as in `toy/PPO/seed-0`."""
    world = f"{record['scenario']}{ranking.RECORDED if record.get('recorded') else ''}"
    seed = record["train_seed"]
    return f"{world}/{record['method']}" + ("" if seed is None else f"/seed-{seed}")


def seal(made: Mapping[str, Any]) -> str:
    """Digest of a provenance without its seal."""
    return digest({key: value for key, value in made.items() if key != "sha256"})


def _profile(table: Floats) -> dict[str, Any]:
    low, high = statistics.profile_band(table, TAUS)
    return {"above": statistics.profile(table, TAUS).tolist(), "low": low.tolist(), "high": high.tolist()}


def checkpoint_content(folder: str) -> str | None:
    """Digest of a checkpoint's folder, at its path or among the shipped agents; None if it is in neither place."""
    found = next((path for path in (Path(folder), PACKAGE / "agents" / folder) if path.is_dir()), None)
    return None if found is None else folder_digest(found)


def recording_content(worlds: Worlds) -> str | None:
    """Digest of the series that recorded worlds replay; None for drawn worlds."""
    return None if worlds.recording is None else recording_digest(worlds.recording, worlds.scenario)


def worlds_of(suite: Suite) -> list[Worlds]:
    """The worlds of a suite, drawn ones first. Recorded worlds need a recording."""
    drawn = None if suite.recording and not suite.also_recorded else False
    source = suite.recording if drawn is None else None
    first = [Worlds(name, suite.split, source, suite.bound) for name in suite.scenarios]
    recorded = suite.also_recorded if suite.recording else ()
    return first + [Worlds(name, suite.split, suite.recording, suite.bound) for name in recorded]


def checkpoints_of(suite: Suite, scenario: str) -> list[tuple[str, str]]:
    """Name and folder of each trained agent that plays a scenario of a suite."""
    if suite.checkpoints != "shipped":
        playing = [entry for entry in suite.checkpoints if entry.scenarios is None or scenario in entry.scenarios]
        return [(entry.method, folder) for entry in playing for folder in entry.folders]
    if DISTURBED_BY in scenario:
        return []
    folders = sorted(path.parent for path in (ZOO / scenario).glob("*/seed-*/checkpoint.json"))
    return [(folder.parent.name.upper(), str(folder.relative_to(PACKAGE / "agents"))) for folder in folders]
