"""Reads a results folder for a report: rankings, profiles, scores of every episode, and provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.configs.files import read_json
from wattward.configs.schema.base import ConfigError
from wattward.experiments.common import tables
from wattward.experiments.common.provenance import refuse_other_worlds, worlds_version
from wattward.experiments.common.records import RECORDED
from wattward.experiments.common.tables import Column, text
from wattward.experiments.evaluation.methods import Method, checkpoint, method
from wattward.experiments.evaluation.worlds import Worlds

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
TAUS = np.linspace(-0.5, 1.0, 151)
"""Scores at which performance profiles are evaluated."""
BRACKET = ("bound", "best known")
"""Kinds of rows that are not methods: the optimum lies between them."""
NEEDED = ("leaderboard.json", "episodes.parquet", "provenance.json")


@dataclass(frozen=True)
class Results:
    """Content of a results folder of `wattward leaderboard`."""

    folder: Path
    rows: list[dict[str, Any]]
    episodes: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def suite(self) -> dict[str, Any]:
        """The resolved suite."""
        return dict(self.provenance.get("suite") or {})

    @property
    def title(self) -> str:
        """The suite's title."""
        return str(self.suite.get("title") or self.folder.name)

    @property
    def boards(self) -> list[str]:
        """Names of the rankings in the order of the folder: scenarios, and the summary over them."""
        return list(dict.fromkeys(str(row["scenario"]) for row in self.rows))

    def rows_of(self, board: str) -> list[dict[str, Any]]:
        """The rows of one ranking, including the bound."""
        return [row for row in self.rows if row["scenario"] == board]


def read_results(folder: Path) -> Results:
    """Reads a results folder.

    Raises:
        ConfigError: the folder holds no results, they were played in worlds of another version, or a file cannot be
            read.
    """
    import pandas as pd

    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; must be one that `wattward leaderboard` wrote")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise ConfigError(f"{folder}: {missing[0]} is missing; must be a folder that `wattward leaderboard` wrote")
    rows, provenance = read_json(folder / NEEDED[0]), read_json(folder / NEEDED[2])
    if not isinstance(rows, list) or not _are_rows(rows):
        raise ConfigError(f"{folder / NEEDED[0]}: must be a list of rows with method, scenario and kind")
    if not isinstance(provenance, dict):
        raise ConfigError(f"{folder / NEEDED[2]}: must be a JSON object")
    refuse_other_worlds(folder, provenance)
    try:
        episodes = pd.read_parquet(folder / NEEDED[1])
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / NEEDED[1]}: cannot be read as parquet: {error}") from error
    return Results(folder, rows, _with_boards(episodes, {str(row["scenario"]) for row in rows}), provenance)


def _are_rows(rows: list[Any]) -> bool:
    needed = {"method", "scenario", "kind"}
    return bool(rows) and all(isinstance(row, dict) and needed <= row.keys() for row in rows)


def _with_boards(episodes: pd.DataFrame, boards: set[str]) -> pd.DataFrame:
    """Adds the name of the ranking to each episode."""
    names = [
        f"{scenario}{RECORDED}" if recorded and f"{scenario}{RECORDED}" in boards else str(scenario)
        for scenario, recorded in zip(episodes["scenario"], episodes["recorded"], strict=True)
    ]
    return episodes.assign(board=names)


def columns_for(rows: Sequence[Row]) -> list[Column]:
    """Columns of a ranking, without those that are empty in all rows."""
    keys = {
        "5 %": "score_p5",
        "rank held": "rank_held",
        tables.IMPROVEMENT[0]: "improvement_over_best_rule",
        "saving": "saving",
        "late GPU-h": "late_gpu_h",
        "green": "green_share",
        "in band": "in_band",
        "µs": "decision_us",
    }
    filled = [column for column in tables.PAGE if column not in tables.SCORE]
    shown = [column for column in filled if any(row.get(keys[column[0]]) is not None for row in rows)]
    return [*tables.SCORE, *shown, ("kind", text("kind"))]


def board_data(results: Results, board: str) -> dict[str, Any]:
    """Data of the pictures of one ranking: rows, scores and performance profiles."""
    keys = ("method", "kind", "score_iqm", "score_low", "score_high", "saving", "mark", "reason")
    every = results.rows_of(board)
    rows = [{key: row.get(key) for key in keys} for row in every if row["kind"] not in BRACKET]
    known = next((row["score_iqm"] for row in every if row["kind"] == "best known"), None)
    table = results.episodes
    own = table[table["board"] == board] if (table["board"] == board).any() else table
    profiles, points = {}, {}
    for row in rows:
        found = own.loc[own["method"] == row["method"], "score"].dropna().to_numpy(dtype=np.float64)
        if found.size and row["score_iqm"] is not None:
            profiles[row["method"]] = [round(float(share), 4) for share in profile(found)]
            points[row["method"]] = [round(float(score), 3) for score in found]
    taus = [round(float(tau), 3) for tau in TAUS]
    return {"name": board, "rows": rows, "taus": taus, "profiles": profiles, "scores": points, "best_known": known}


def profile(scores: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Performance profile (Dolan and Moré): share of runs that score more than each of `TAUS`, any shape to (151,)."""
    share: np.ndarray[Any, np.dtype[np.float64]] = (scores.ravel()[None, :] > TAUS[:, None]).mean(axis=1)
    return share


def worlds_of(results: Results) -> dict[str, Worlds]:
    """The worlds of every ranking that has its own episodes."""
    found = {}
    recording, split = results.suite.get("recording"), str(results.suite.get("split") or "test")
    for board, group in results.episodes.groupby("board", sort=False):
        recorded = bool(group["recorded"].iloc[0])
        found[str(board)] = Worlds(str(group["scenario"].iloc[0]), split, str(recording) if recorded else None)
    return found


def method_of(results: Results, row: Row, scenario: str) -> Method:
    """The method of a row; for a trained agent, its first checkpoint.

    Raises:
        ConfigError: the rule, checkpoint or package is not available.
    """
    name = str(row["method"])
    if row["kind"] in {"rule", "optimiser"}:
        return method(name)
    folder = next(folders_of(results, name, scenario), None)
    if folder is not None:
        return checkpoint(name, folder)
    submitted = (results.provenance.get("submitted") or {}).get(name)
    return method(str(submitted["factory"]) if isinstance(submitted, dict) else name)


def folders_of(results: Results, name: str, scenario: str) -> Iterator[str]:
    """Checkpoint folders of a trained method on a scenario, one for each training seed. Folders may repeat."""
    listed = results.suite.get("checkpoints")
    for entry in listed if isinstance(listed, list) else ():
        if entry["method"] == name and scenario in (entry.get("scenarios") or [scenario]):
            yield from entry["folders"]
    inner = f"/{scenario}/{name.lower()}/"
    yield from (folder for folder in results.provenance.get("checkpoints") or {} if inner in f"/{folder}/")


def ranked_cost(results: Results, board: str, who: Method, episode: int) -> float | None:
    """Published cost of a method's episode [currency of the scenario]; None if it was not played."""
    table = results.episodes
    own = table[(table["board"] == board) & (table["method"] == who.name) & (table["episode"] == episode)]
    if who.train_seed is not None:
        own = own[own["train_seed"] == who.train_seed]
    return None if own.empty else float(own["total_cost"].iloc[0])


def reference_cost(results: Results, board: str, episode: int, column: str) -> float | None:
    """A cost of an episode that does not depend on the method [currency of the scenario]; None if there is none.

    Args:
        results: the results.
        board: the ranking.
        episode: its index in the split.
        column: such as `bound_cost` or `best_known_cost`.
    """
    table = results.episodes
    own = table[(table["board"] == board) & (table["episode"] == episode)]
    if own.empty or column not in own or np.isnan(own[column].iloc[0]):
        return None
    return float(own[column].iloc[0])


def facts_of(results: Results) -> list[tuple[str, str]]:
    """Facts that are needed to reproduce the results, as pairs of name and value."""
    about = results.provenance
    suite = results.suite
    plain = [(label, about.get(key)) for label, key in (("command", "command"), ("git commit", "git_commit"))]
    run = [
        ("worlds", worlds_version(about)),
        ("episodes", suite.get("episodes")),
        ("split", suite.get("split")),
        ("recording", suite.get("recording")),
    ]
    code = [("code digest", about.get("code")), ("Python", about.get("python"))]
    seeds = [(key.replace("_", " "), about.get(key)) for key in ("policy_seed", "bootstrap_seed")]
    host = [(f"host: {key}", value) for key, value in (about.get("host") or {}).items()]
    packages = [("packages", ", ".join(f"{name} {value}" for name, value in (about.get("packages") or {}).items()))]
    groups = (("scenario", "scenarios"), ("checkpoint", "checkpoints"))
    listed = [(f"{label} {name}", value) for label, key in groups for name, value in (about.get(key) or {}).items()]
    pairs = [*plain, *run, *code, *packages, *seeds, *host, *listed]
    return [(label, str(value)) for label, value in pairs if value is not None]
