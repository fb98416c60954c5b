"""Parts of a published leaderboard: their names, and functions that compute or read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattward.configs.digests import digest, folder_digest
from wattward.configs.files import read_json
from wattward.configs.loading.reading import DISTURBED_BY, check
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.suite import Suite
from wattward.experiments.common.provenance import PACKAGE
from wattward.experiments.common.records import RECORDED, Record
from wattward.experiments.evaluation import statistics
from wattward.experiments.evaluation.statistics import Tables
from wattward.experiments.evaluation.worlds import Worlds, recording_digest
from wattward.experiments.leaderboard import compare as shift
from wattward.experiments.leaderboard import ranking
from wattward.experiments.leaderboard.standing import Limits, worlds_in

ZOO = PACKAGE / "agents" / "zoo"

TAUS = tuple(round(float(tau), 3) for tau in np.linspace(-0.5, 1.0, 61))
"""Scores at which performance profiles are evaluated."""
LEADERBOARD, PROFILES, RANKS, EPISODES = "leaderboard.json", "profiles.json", "ranks.json", "episodes.parquet"
PROVENANCE, CONFIGS = "provenance.json", "configs"
FORM = 2
"""Form of the summaries, as the provenance states it. Form 1, without such an entry, pooled all scenarios, and gave no
score to methods that broke the contract."""
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


def summarised(suite: Suite, records: Sequence[Record]) -> dict[str, Any]:
    """Everything that is computed from the episodes, by file name: rows, profiles with bands, ranks, comparisons."""
    limits = limits_of(suite)
    by_world = ranking.tables_by_label(worlds_in(records, limits))
    return {
        LEADERBOARD: ranking.rank(records, limits),
        PROFILES: {
            "taus": TAUS,
            **{label: {name: _profile(tables) for name, tables in own.items()} for label, own in by_world.items()},
        },
        RANKS: {
            label: {name: held.tolist() for name, held in statistics.rank_stability(own).items()} if own else {}
            for label, own in by_world.items()
        },
        **({shift.SHIFT: shift.compare(records, suite.compare, limits)} if suite.compare else {}),
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
    world = f"{record['scenario']}{RECORDED if record.get('recorded') else ''}"
    seed = record["train_seed"]
    return f"{world}/{record['method']}" + ("" if seed is None else f"/seed-{seed}")


def seal(made: Mapping[str, Any]) -> str:
    """Digest of a provenance without its seal."""
    return digest({key: value for key, value in made.items() if key != "sha256"})


def _profile(tables: Tables) -> dict[str, Any]:
    low, high = statistics.profile_band(tables, TAUS)
    return {"above": statistics.profile(tables, TAUS).tolist(), "low": low.tolist(), "high": high.tolist()}


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


def read_provenance(folder: Path) -> dict[str, Any]:
    """Reads the provenance of a results folder.

    Raises:
        ConfigError: there is none, or it does not name suite, files and results.
    """
    path = folder / PROVENANCE
    made = read_json(path)
    if made is None:
        raise ConfigError(f"{path}: no such file, or not readable as JSON; `wattward leaderboard` writes it")
    if not isinstance(made, dict) or not {"files", "results", "suite"} <= made.keys():
        raise ConfigError(f"{path}: does not say what files it is of; run `wattward leaderboard` again")
    return made


def form_of(made: Mapping[str, Any]) -> int:
    """The form of the tables in a results folder, from its provenance."""
    return int(made.get("summaries", 1))


def suite_of(folder: Path, made: Mapping[str, Any]) -> Suite:
    """The suite of a results folder; its `recording` is a name, not a folder.

    Raises:
        ConfigError: the suite cannot be read.
    """
    return check(Suite, dict(made["suite"]), folder / CONFIGS / "suite.json")


def read_episodes(folder: Path) -> list[Record]:
    """The records of a results folder.

    Raises:
        ConfigError: they cannot be read.
    """
    import pandas as pd

    path = folder / EPISODES
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> str | int | float | None:  # noqa: ANN401 - whatever a table holds
    """A cell as in the record: missing values and NaN are None."""
    import pandas as pd

    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    plain: str | int | float = value.item() if isinstance(value, np.generic) else value
    return plain
