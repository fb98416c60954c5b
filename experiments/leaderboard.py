"""From a suite to a ranking: rows with intervals, a table, a picture, every episode, and how to make it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.configs import ConfigError, load_scenario
from wattward.configs.suite_schema import Suite
from wattward.experiments import scores, tables
from wattward.experiments.entrants import Entrant, checkpoint, entrant
from wattward.experiments.evaluate import Worlds, check_fit
from wattward.experiments.executor import Cell, Executor, blocks, run_cells
from wattward.experiments.records import Record, digest, frame, provenance, write_json, write_records, write_text

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
MEANS = ("cost_yuan", "late_gpu_h", "dropped_gpu_h", "green_share", "in_band")
"""Columns of a row that are means over its episodes."""
EPISODES_PER_CELL = 5


def entrants_of(suite: Suite, *, learned: bool = True) -> list[Entrant]:
    """Every entrant of a suite, one for each training seed.

    Raises:
        ConfigError: a rule is unknown, or a checkpoint is missing or damaged.
    """
    from wattward import baselines

    rules = baselines.names() if suite.rules == "all" else suite.rules
    found = [entrant(rule) for rule in rules]
    if learned:
        found += [checkpoint(entry.entrant, folder) for entry in suite.checkpoints for folder in entry.folders]
    return found


def run_suite(
    suite: Suite,
    cache_dir: Path,
    *,
    jobs: int = 2,
    learned: bool = True,
    progress: bool = True,
    executor: Executor = "local",
) -> list[Record]:
    """Records of every entrant on every episode of a suite.

    Raises:
        ConfigError: something the suite names cannot be used; found before the first episode is run.
    """
    meets = [Worlds(scenario, suite.split, suite.recording) for scenario in suite.scenarios]
    entrants = entrants_of(suite, learned=learned)
    for worlds in meets:
        check_fit(entrants, worlds)
    cells = [
        Cell(who, worlds, first, after_last)
        for worlds in meets
        for who in entrants
        for first, after_last in blocks(suite.episodes, suite.episodes_per_cell)
    ]
    return run_cells(cells, cache_dir, jobs=jobs, progress=progress, executor=executor)


def run_entrants(
    names: Sequence[str],
    worlds: Worlds,
    episodes: int,
    cache_dir: Path,
    *,
    seed: int = 0,
    jobs: int = 2,
    trust_pickle: bool = False,
    progress: bool = True,
    executor: Executor = "local",
) -> list[Record]:
    """Records of entrants, by rule name or checkpoint, on episodes 0..n-1.

    Raises:
        ConfigError: an entrant, the scenario or the recording cannot be used; found before the first episode is run.
    """
    found = [entrant(name, trust_pickle=trust_pickle) for name in dict.fromkeys(names)]
    check_fit(found, worlds)
    cells = [
        Cell(who, worlds, first, last, seed) for who in found for first, last in blocks(episodes, EPISODES_PER_CELL)
    ]
    return run_cells(cells, cache_dir, jobs=jobs, progress=progress, executor=executor)


def rank(records: Sequence[Record]) -> list[Row]:
    """Rows of a leaderboard, scenario by scenario: the bound, then the entrants from the best score down.

    Raises:
        ConfigError: entrants did not run the same episodes, or in no episode anything could be saved.
    """
    table = frame(records)
    return [
        row for scenario in table["scenario"].unique() for row in _rank_scenario(table[table["scenario"] == scenario])
    ]


def publish(suite: Suite, records: Sequence[Record], out: Path) -> list[Row]:
    """Writes all the files of a leaderboard under `out` and returns its rows."""
    from wattward.experiments.picture import draw_leaderboard

    rows = rank(records)
    write_json(out / "leaderboard.json", rows)
    write_text(
        out / "leaderboard.md", f"# {suite.title}\n\n{note(suite)}\n\n{tables.markdown(tables.LEADERBOARD, rows)}"
    )
    write_records(out / "episodes.parquet", records)
    write_json(out / "provenance.json", provenance(policy_seed=0, bootstrap_seed=0, **_sources(suite, records)))
    draw_leaderboard(rows, suite.title, [out / "leaderboard.png", out / "leaderboard.svg"])
    return rows


def note(suite: Suite) -> str:
    """What the numbers of a leaderboard mean, in three lines."""
    worlds = f"recording `{suite.recording}`" if suite.recording else "drawn worlds"
    return (
        f"{suite.episodes} {suite.split} episodes of {', '.join(suite.scenarios)} ({worlds}), the same for everyone. "
        "Score: 0 is RunOnArrival, 1 the hindsight bound; interquartile mean with a 95 % bootstrap interval over "
        "training seeds and episodes. P(best): probability of beating the best rule on an episode. "
        "Saving: of total cost against RunOnArrival. Late: GPU-h per episode. "
        "In band: share of time at the load the scenario asks for. µs: mean time of a step's choice."
    )


def summary(group: pd.DataFrame) -> Row:
    """One entrant's row, of its records in one scenario."""
    table = score_table(group)
    low, high = scores.interval(table)
    seeds = [int(seed) for seed in sorted(group["train_seed"].dropna().unique())]
    return {
        "entrant": str(group["entrant"].iloc[0]),
        "scenario": str(group["scenario"].iloc[0]),
        "kind": "learned" if group["learned"].iloc[0] else "rule",
        "score_iqm": scores.iqm(table),
        "score_low": low,
        "score_high": high,
        "saving": _saving(group, "cost_yuan"),
        **{name: float(group[name].mean()) for name in MEANS},
        "decision_us": float(group["decision_us"].median()),
        "episodes": int(group["episode"].nunique()),
        "train_seeds": seeds,
    }


def score_table(group: pd.DataFrame) -> scores.Floats:
    """Scores of one entrant, one row a training seed and one column an episode, shape (S, E).

    Raises:
        ConfigError: a training seed did not run every episode, or nothing could be saved in any of them.
    """
    runs = group.assign(train_seed=group["train_seed"].fillna(-1).astype(int))
    if runs.duplicated(["train_seed", "episode"]).any():
        raise ConfigError(f"entrant {group['entrant'].iloc[0]!r}: two checkpoints have the same training seed")
    wide = runs.set_index(["train_seed", "episode"])["score"].astype(float).unstack()  # noqa: PD010 - no pair occurs twice
    possible = wide.dropna(axis=1, how="all")
    if possible.empty or possible.isna().any(axis=None):
        raise ConfigError(
            f"entrant {group['entrant'].iloc[0]!r}: episodes without a score: nothing to save, or not run"
        )
    return np.asarray(possible.to_numpy(), dtype=np.float64)


def _rank_scenario(table: pd.DataFrame) -> list[Row]:
    groups = {str(name): group for name, group in table.groupby("entrant", sort=False)}
    if len({tuple(sorted(group["episode"].unique())) for group in groups.values()}) > 1:
        raise ConfigError("entrants did not run the same episodes and cannot be ranked")
    rows = sorted((summary(group) for group in groups.values()), key=lambda row: (-row["score_iqm"], row["entrant"]))
    best = next((row["entrant"] for row in rows if row["kind"] == "rule"), None)
    for row in rows:
        rival = None if best is None or row["entrant"] == best else score_table(groups[best])
        ours = score_table(groups[row["entrant"]])
        row["poi_vs_best_rule"] = None if rival is None else scores.probability_of_improvement(ours, rival)
    return [_bound_row(table), *rows]


def _bound_row(table: pd.DataFrame) -> Row:
    episodes = table.drop_duplicates("episode")
    unknown = dict.fromkeys((*MEANS, "decision_us", "poi_vs_best_rule"))
    return {
        "entrant": "bound",
        "scenario": str(table["scenario"].iloc[0]),
        "kind": "bound",
        **dict.fromkeys(("score_iqm", "score_low", "score_high"), 1.0),
        "saving": _saving(episodes, "bound_yuan"),
        **unknown,
        "cost_yuan": float(episodes["bound_yuan"].mean()),
        "episodes": len(episodes),
        "train_seeds": [],
    }


def _sources(suite: Suite, records: Sequence[Record]) -> dict[str, object]:
    """The suite as it was resolved, and digests of every scenario and checkpoint that took part."""
    took_part = {record["entrant"] for record in records}
    return {
        "suite": suite.model_dump(mode="json"),
        "scenarios": {name: digest(load_scenario(name).model_dump_json()) for name in suite.scenarios},
        "checkpoints": {
            folder: checkpoint(entry.entrant, folder).content
            for entry in suite.checkpoints
            if entry.entrant in took_part
            for folder in entry.folders
        },
    }


def _saving(group: pd.DataFrame, column: str) -> float:
    return scores.saving(group[column].to_numpy(), group["run_on_arrival_yuan"].to_numpy())
