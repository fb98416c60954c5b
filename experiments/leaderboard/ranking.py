"""Ranks methods in each world and over all worlds, checks contracts, and compares methods in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.experiments.common.records import Record, frame
from wattward.experiments.common.tables import ALL
from wattward.experiments.evaluation import scores, statistics
from wattward.experiments.evaluation.scores import Floats

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
MEANS = ("total_cost", "late_gpu_h", "dropped_gpu_h", "green_share", "in_band")
"""Columns that are means over episodes."""
SCORED = ("score_iqm", "score_low", "score_high", "score_p5", "rank_held", "poi_vs_best_rule")
"""Columns that are empty if a method broke the contract."""
RECORDED = " (recorded)"


@dataclass(frozen=True)
class Limits:
    """Largest shares of late and dropped work under the contract; None for no limit."""

    most_late_share: float | None = None
    most_dropped_share: float | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True)
class World:
    """Records of one world by method, and the reasons why methods are not ranked."""

    groups: dict[str, pd.DataFrame]
    marks: dict[str, str]

    def tables(self) -> dict[str, Floats]:
        """Scores of the ranked methods, shapes (S, E, 1)."""
        return {name: score_table(group)[:, :, None] for name, group in self.groups.items() if name not in self.marks}


def worlds_in(records: Sequence[Record], limits: Limits = NO_LIMITS) -> dict[str, World]:
    """Groups records by world: a scenario, drawn or recorded.

    Raises:
        ConfigError: methods of one world did not run the same episodes.
    """
    table = frame(records)
    recorded = table["recorded"] if "recorded" in table else 0 * table["episode"]
    labels = table["scenario"] + np.where(recorded == 1, RECORDED, "")
    found = {}
    for label in labels.unique():
        groups = {str(name): group for name, group in table[labels == label].groupby("method", sort=False)}
        if len({tuple(sorted(group["episode"].unique())) for group in groups.values()}) > 1:
            raise ConfigError(f"{label}: methods did not run the same episodes and cannot be ranked")
        marks = {name: breach(group, limits) for name, group in groups.items()}
        found[str(label)] = World(groups, {name: mark for name, mark in marks.items() if mark})
    return found


def breach(group: pd.DataFrame, limits: Limits) -> str:
    """How a method's episodes break the contract; empty if they keep it."""
    shares = (
        ("late", limits.most_late_share, "late_gpu_h", ("work_gpu_h", "unfinished_gpu_h")),
        ("dropped", limits.most_dropped_share, "dropped_gpu_h", ("dropped_gpu_h", "interactive_gpu_h")),
    )
    for word, most, column, asked in shares:
        if most is not None:
            whole = sum(float(group[part].sum()) for part in asked)
            share = float(group[column].sum()) / whole if whole > 0 else 0.0
            if share > most:
                return f"{word} {share:.2%} > {100 * most:g}%"
    return ""


def rank(records: Sequence[Record], limits: Limits = NO_LIMITS) -> list[Row]:
    """Rows of a leaderboard for each world and, if there are several, over all worlds.

    Within each part the bound comes first, then methods by falling score, then methods that are not ranked.

    Raises:
        ConfigError: methods did not run the same episodes, or nothing could be saved in any episode.
    """
    worlds = worlds_in(records, limits)
    rows = {label: _rank_world(label, world) for label, world in worlds.items()}
    every = [row for ranked in rows.values() for row in ranked]
    return every + (_rank_all(worlds, every) if len(worlds) > 1 else [])


def overall_tables(worlds: Mapping[str, World]) -> tuple[dict[str, Floats], dict[str, str]]:
    """Scores (S, E, K) of methods that kept the contract in all K worlds, and reasons why others have none.

    Only training seeds that an agent has in every world count.
    """
    names = list(dict.fromkeys(name for world in worlds.values() for name in world.groups))
    tables: dict[str, Floats] = {}
    marks: dict[str, str] = {}
    for name in names:
        played = [world.groups[name] for world in worlds.values() if name in world.groups]
        broken = sum(name in world.marks for world in worlds.values())
        shared = _shared_seeds(played)
        if len(played) < len(worlds):
            marks[name] = f"played {len(played)} of {len(worlds)}"
        elif broken:
            marks[name] = f"broke {broken} of {len(worlds)}"
        elif not shared:
            marks[name] = "no training seed in all"
        else:
            tables[name] = _cube([group[_train_seeds(group).isin(shared)] for group in played])
    return tables, marks


def _train_seeds(group: pd.DataFrame) -> pd.Series[int]:
    """The training seed of each record; -1 for none."""
    return group["train_seed"].fillna(-1).astype(int)


def _shared_seeds(played: Sequence[pd.DataFrame]) -> set[int]:
    """Training seeds that a method has in every world."""
    return set.intersection(*(set(_train_seeds(group)) for group in played))


def summary(group: pd.DataFrame) -> Row:
    """The row of one method in one world."""
    return {**_about(group), **_scored(score_table(group)[:, :, None])}


def score_table(group: pd.DataFrame) -> Floats:
    """Scores of one method by training seed and episode, shape (S, E).

    Episodes in which nothing could be saved are NaN.

    Raises:
        ConfigError: a training seed did not run every episode, or nothing could be saved in any of them.
    """
    who = group["method"].iloc[0]
    runs = group.assign(train_seed=_train_seeds(group))
    if runs.duplicated(["train_seed", "episode"]).any():
        raise ConfigError(f"method {who!r}: two checkpoints have the same training seed")
    wide = runs.set_index(["train_seed", "episode"])["score"].astype(float).unstack()  # noqa: PD010 - no pair occurs twice
    impossible = wide.isna()
    if impossible.all(axis=None) or (impossible.any() != impossible.all()).any():
        raise ConfigError(f"method {who!r}: episodes without a score: nothing to save, or not run")
    return np.asarray(wide.to_numpy(), dtype=np.float64)


def versus(records: Sequence[Record], rival: str, limits: Limits = NO_LIMITS) -> list[Row]:
    """Difference between each method's score and the rival's on the same episodes, by world and over all, best first.

    Raises:
        ConfigError: the rival did not take part or is not ranked in any world.
    """
    worlds = worlds_in(records, limits)
    tables = {label: world.tables() for label, world in worlds.items()}
    if len(worlds) > 1:
        tables[ALL] = overall_tables(worlds)[0]
    took_part = sorted({name for world in worlds.values() for name in world.groups})
    if rival not in took_part:
        raise ConfigError(f"--versus {rival}: must be one of {', '.join(took_part)}")
    rows = [row for label, ranked in tables.items() if rival in ranked for row in _versus(label, ranked, rival)]
    if not rows:
        raise ConfigError(f"--versus {rival}: has no score to compare with: it broke the contract everywhere")
    return rows


def _versus(label: str, tables: Mapping[str, Floats], rival: str) -> list[Row]:
    rows = []
    for name, table in tables.items():
        if name != rival:
            gap, won = (compare(table, tables[rival]) for compare in (statistics.difference, statistics.improvement))
            rows.append(
                {
                    "method": name,
                    "versus": rival,
                    "scenario": label,
                    "difference": gap.value,
                    "difference_low": gap.low,
                    "difference_high": gap.high,
                    "improvement": won.value,
                    "improvement_low": won.low,
                    "improvement_high": won.high,
                }
            )
    return sorted(rows, key=lambda row: (-row["difference"], row["method"]))


def _rank_world(label: str, world: World) -> list[Row]:
    rows = [{**_about(group), "scenario": label, "mark": world.marks.get(name)} for name, group in world.groups.items()]
    _score(rows, world.tables())
    bound = {**_bound_row(next(iter(world.groups.values()))), "scenario": label}
    return [bound, *sorted(rows, key=_place)]


def _rank_all(worlds: Mapping[str, World], every: Sequence[Row]) -> list[Row]:
    """Rows over all worlds. Columns other than scores are means over the worlds that a method played."""
    tables, marks = overall_tables(worlds)
    rows = []
    for name in ("bound", *tables, *marks):
        own = [row for row in every if row["method"] == name]
        means = {key: _mean([row[key] for row in own]) for key in ("saving", *MEANS, "decision_us")}
        rows.append({**own[0], **means, "total_cost": None, "scenario": ALL, "mark": marks.get(name)})
        rows[-1]["episodes"] = sum(row["episodes"] for row in own)
        rows[-1]["train_seeds"] = sorted(set.intersection(*(set(row["train_seeds"]) for row in own)))
    _score(rows[1:], tables)
    return [rows[0], *sorted(rows[1:], key=_place)]


def _score(rows: Sequence[Row], tables: Mapping[str, Floats]) -> None:
    """Fills in columns from scores: score, stability of the rank, and comparison with the best rule."""
    for row in rows:
        row.update(_scored(tables[row["method"]]) if row["method"] in tables else dict.fromkeys(SCORED))
    ranked = sorted((row for row in rows if row["method"] in tables), key=_place)
    held = statistics.rank_stability(tables) if tables else {}
    best = next((row["method"] for row in ranked if row["kind"] == "rule"), None)
    for place, row in enumerate(ranked):
        ours = tables[row["method"]]
        row["rank_held"] = float(held[row["method"]][place])
        rival = None if best is None or row["method"] == best else tables[best]
        row["poi_vs_best_rule"] = None if rival is None else statistics.improvement(ours, rival).value


def _scored(table: Floats) -> Row:
    middle = statistics.iqm_estimate(table)
    return {
        "score_iqm": middle.value,
        "score_low": middle.low,
        "score_high": middle.high,
        "score_p5": statistics.fifth_percentile(table),
    }


def _about(group: pd.DataFrame) -> Row:
    submitted = "submitted" in group and bool(group["submitted"].iloc[0])
    return {
        "method": str(group["method"].iloc[0]),
        "scenario": str(group["scenario"].iloc[0]),
        "kind": "learned" if group["learned"].iloc[0] else "submitted" if submitted else "rule",
        **dict.fromkeys(SCORED),
        "saving": _saving(group, "total_cost"),
        **{name: float(group[name].mean()) for name in MEANS},
        "decision_us": float(group["decision_us"].median()),
        "episodes": int(group["episode"].nunique()),
        "train_seeds": [int(seed) for seed in sorted(group["train_seed"].dropna().unique())],
    }


def _bound_row(group: pd.DataFrame) -> Row:
    episodes = group.drop_duplicates("episode")
    return {
        "method": "bound",
        "scenario": str(group["scenario"].iloc[0]),
        "kind": "bound",
        **dict.fromkeys(SCORED),
        **dict.fromkeys(("score_iqm", "score_low", "score_high", "score_p5"), 1.0),
        "saving": _saving(episodes, "bound_cost"),
        **dict.fromkeys((*MEANS, "decision_us")),
        "total_cost": float(episodes["bound_cost"].mean()),
        "episodes": len(episodes),
        "train_seeds": [],
        "mark": None,
    }


def _cube(played: Sequence[pd.DataFrame]) -> Floats:
    """Scores of one method in several worlds, shape (S, E, K); NaN for episodes that a world does not have."""
    parts = [score_table(group) for group in played]
    most = max(part.shape[1] for part in parts)
    filled = [np.pad(part, ((0, 0), (0, most - part.shape[1])), constant_values=np.nan) for part in parts]
    return np.stack(filled, axis=2)


def _place(row: Row) -> tuple[bool, float, str]:
    """Sorts rows by falling score; rows without a score come last."""
    return row["score_iqm"] is None, -(row["score_iqm"] or 0.0), row["method"]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _saving(group: pd.DataFrame, column: str) -> float:
    return scores.saving(group[column].to_numpy(), group["run_on_arrival_cost"].to_numpy())
