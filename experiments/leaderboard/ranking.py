"""Ranks methods in each world and over all worlds, and compares methods in pairs.

Over all worlds, every value is the plain mean of the worlds' values, and every world counts. A method without a score
in one of them has none over all, but a mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wattward.baselines import registry
from wattward.configs.schema.base import ConfigError
from wattward.experiments.common.captions import FAILED, MISSING, best_of
from wattward.experiments.common.records import BEST_KNOWN_COST, Record
from wattward.experiments.common.tables import ALL
from wattward.experiments.evaluation import scores, statistics
from wattward.experiments.evaluation.statistics import Tables
from wattward.experiments.leaderboard.standing import NO_LIMITS, Limits, Mark, World, score_table, worlds_in

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
RULE, OPTIMISER, LEARNED, SUBMITTED, BOUND, BEST_KNOWN = (
    "rule",
    "optimiser",
    "learned",
    "submitted",
    "bound",
    "best known",
)
"""Kinds of rows. A comparison says with which kind it compares."""
BEST_KNOWN_SCHEDULE = "best known schedule"
MEANS = ("total_cost", "late_gpu_h", "dropped_gpu_h", "green_share", "in_band")
"""Columns that are means over episodes."""
MEASURED = ("saving", *MEANS, "decision_us")
"""Columns that are empty if a method has no score."""
ESTIMATED = ("score_iqm", "score_low", "score_high", "score_p5")
SCORED = (*ESTIMATED, "rank_held", "improvement_over_best_rule", "best_rule")
"""Columns from scores."""


def rank(records: Sequence[Record], limits: Limits = NO_LIMITS) -> list[Row]:
    """Rows of a leaderboard for each world and, if there are several, over all worlds.

    Within each part the bound comes first, then the best known schedule if it was computed, then methods by falling
    score, then methods without a score.

    Raises:
        ConfigError: nothing could be saved in any episode of a world, or two checkpoints have the same training seed.
    """
    worlds = worlds_in(records, limits)
    kinds = kinds_of(worlds)
    parts = {label: _rank_world(label, world, kinds) for label, world in worlds.items()}
    every = [row for part in parts.values() for row in part]
    return every + (_rank_all(worlds, parts, kinds) if len(worlds) > 1 else [])


def kinds_of(worlds: Mapping[str, World]) -> dict[str, str]:
    """The kind of each method, in order of appearance."""
    return {name: _kind(group) for world in worlds.values() for name, group in world.groups.items()}


def _kind(group: pd.DataFrame) -> str:
    if group["learned"].iloc[0]:
        return LEARNED
    if "submitted" in group and bool(group["submitted"].iloc[0]):
        return SUBMITTED
    return registry.kind(str(group["method"].iloc[0]))


def tables_by_label(worlds: Mapping[str, World]) -> dict[str, dict[str, Tables]]:
    """Scores of each method by world, and over all worlds if there are several. Methods without one are absent."""
    found: dict[str, dict[str, Tables]] = {
        label: {name: [table] for name, table in world.tables.items()} for label, world in worlds.items()
    }
    if len(worlds) > 1:
        parts = list(worlds.values())
        found[ALL] = {
            name: [part.tables[name] for part in parts]
            for name in parts[0].tables
            if all(name in part.tables for part in parts)
        }
    return found


def summary(group: pd.DataFrame) -> Row:
    """The row of one method in one world."""
    return _about(group, _kind(group)) | _scored([score_table(group)])


def versus(records: Sequence[Record], rival: str, limits: Limits = NO_LIMITS) -> list[Row]:
    """Difference between each method's score and the rival's on the same episodes, by world and over all, best first.

    Raises:
        ConfigError: the rival did not take part, or has a score in no world.
    """
    worlds = worlds_in(records, limits)
    kinds = kinds_of(worlds)
    if rival not in kinds:
        raise ConfigError(f"--versus {rival}: must be one of {', '.join(sorted(kinds))}")
    labels = {label: tables for label, tables in tables_by_label(worlds).items() if rival in tables}
    if not labels:
        raise ConfigError(f"--versus {rival}: has no score to compare with: it failed everywhere")
    return [row for label, tables in labels.items() for row in _versus(label, tables, rival, kinds)]


def _versus(label: str, tables: Mapping[str, Tables], rival: str, kinds: Mapping[str, str]) -> list[Row]:
    rows = []
    for name, own in tables.items():
        if name != rival:
            gap, won = (compare(own, tables[rival]) for compare in (statistics.difference, statistics.improvement))
            rows.append(
                {
                    "method": name,
                    "kind": kinds[name],
                    "versus": rival,
                    "versus_kind": kinds[rival],
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


def _rank_world(label: str, world: World, kinds: Mapping[str, str]) -> list[Row]:
    rows = [_row(label, name, kind, world) for name, kind in kinds.items()]
    _compare(rows, {name: [table] for name, table in world.tables.items()})
    return [_bound_row(label, world), *_best_known_rows(label, world), *sorted(rows, key=_place)]


def _row(label: str, name: str, kind: str, world: World) -> Row:
    if name not in world.groups:
        return _empty(name, kind, 0, Mark(MISSING, "not played here"), label)
    group, mark = world.groups[name], world.marks.get(name)
    if name not in world.tables:
        return _empty(name, kind, int(group["episode"].nunique()), mark, label)
    return _about(group, kind) | _marked(mark) | {"scenario": label}


def _rank_all(worlds: Mapping[str, World], parts: Mapping[str, list[Row]], kinds: Mapping[str, str]) -> list[Row]:
    """Rows over all worlds. Each value is the plain mean of the worlds' values, except costs, which differ in scale."""
    tables = tables_by_label(worlds)[ALL]
    rows = [_row_of_all(name, kind, parts, name in tables) for name, kind in kinds.items()]
    _compare(rows, tables)
    bracket = [_row_of_all(BOUND, BOUND, parts, True)]
    known = [world.best_known for world in worlds.values() if world.best_known is not None]
    if known:
        complete = len(known) == len(worlds)
        bracket.append(
            _row_of_all(BEST_KNOWN_SCHEDULE, BEST_KNOWN, parts, complete) | (_scored(known) if complete else {})
        )
    return [*bracket, *sorted(rows, key=_place)]


def _row_of_all(name: str, kind: str, parts: Mapping[str, list[Row]], complete: bool) -> Row:
    own = [row for part in parts.values() for row in part if row["method"] == name]
    mark = _mark_of_all([*(row["mark"] for row in own), *[MISSING] * (len(parts) - len(own))])
    if not complete:
        return _empty(name, kind, sum(row["episodes"] for row in own), mark, ALL)
    counts = sorted({len(row["train_seeds"]) for row in own})
    means = {key: _mean(row[key] for row in own) for key in (*MEASURED, *ESTIMATED)}
    return {
        **own[0],
        **dict.fromkeys(SCORED),
        **means,
        "total_cost": None,
        "episodes": sum(row["episodes"] for row in own),
        "train_seeds": sorted({seed for row in own for seed in row["train_seeds"]}),
        "seeds_by_scenario": [counts[0], counts[-1]],
        "scenario": ALL,
        **_marked(mark),
    }


def _mark_of_all(marks: Sequence[str | None]) -> Mark | None:
    """The mark over all worlds: every mark of a world, or only those that leave the method without a score."""
    words = [word for mark in marks for word in (mark or "").split(", ") if word]
    without = [word for word in words if word in {FAILED, MISSING}]
    counts = {word: words.count(word) for word in dict.fromkeys(without or words)}
    said = ", ".join(f"{word} in {count} of {len(marks)} scenarios" for word, count in counts.items())
    return Mark(", ".join(counts), said) if counts else None


def _compare(rows: Sequence[Row], tables: Mapping[str, Tables]) -> None:
    """Fills in columns from scores: score, stability of the rank, and probability of improvement over the best rule."""
    scored = [row for row in rows if row["method"] in tables]
    for row in scored:
        row.update(_scored(tables[row["method"]]))
    ranked = sorted(scored, key=_place)
    held = statistics.rank_stability(tables) if tables else {}
    rule = best_of(scored, RULE)
    best = None if rule is None else rule["method"]
    for place, row in enumerate(ranked):
        row["rank_held"] = float(held[row["method"]][place])
        row["best_rule"] = best
        if best is not None and row["method"] != best:
            row["improvement_over_best_rule"] = statistics.improvement(tables[row["method"]], tables[best]).value


def _scored(tables: Tables) -> Row:
    found = statistics.score_estimate(tables)
    fifth = _mean(statistics.fifth_percentile(table) for table in tables)
    return {"score_iqm": found.value, "score_low": found.low, "score_high": found.high, "score_p5": fifth}


def _about(group: pd.DataFrame, kind: str) -> Row:
    return {
        "method": str(group["method"].iloc[0]),
        "scenario": str(group["scenario"].iloc[0]),
        "kind": kind,
        **dict.fromkeys(SCORED),
        "saving": _saving(group, "total_cost"),
        **{name: float(group[name].mean()) for name in MEANS},
        "decision_us": float(group["decision_us"].median()),
        "episodes": int(group["episode"].nunique()),
        "train_seeds": [int(seed) for seed in sorted(group["train_seed"].dropna().unique())],
        **_marked(None),
    }


def _empty(name: str, kind: str, episodes: int, mark: Mark | None, label: str) -> Row:
    """The row of a method without a score."""
    return {
        "method": name,
        "scenario": label,
        "kind": kind,
        **dict.fromkeys((*SCORED, *MEASURED)),
        "episodes": episodes,
        "train_seeds": [],
        **_marked(mark),
    }


def _marked(mark: Mark | None) -> Row:
    return {"mark": mark and mark.mark, "reason": mark and mark.reason}


def _bound_row(label: str, world: World) -> Row:
    episodes = world.episodes
    return {
        **_empty(BOUND, BOUND, len(episodes), None, label),
        **dict.fromkeys(ESTIMATED, 1.0),
        "saving": _saving(episodes, "bound_cost"),
        "total_cost": float(episodes["bound_cost"].mean()),
    }


def _best_known_rows(label: str, world: World) -> list[Row]:
    """The row of the best known schedule; none where it was not computed for every episode."""
    if world.best_known is None:
        return []
    episodes = world.episodes
    return [
        {
            **_empty(BEST_KNOWN_SCHEDULE, BEST_KNOWN, len(episodes), None, label),
            **_scored([world.best_known]),
            "saving": _saving(episodes, BEST_KNOWN_COST),
            "total_cost": float(episodes[BEST_KNOWN_COST].mean()),
        }
    ]


def _place(row: Row) -> tuple[bool, float, str]:
    """Sorts rows by falling score; rows without a score come last."""
    return row["score_iqm"] is None, -(row["score_iqm"] or 0.0), row["method"]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _saving(group: pd.DataFrame, column: str) -> float:
    return scores.saving(group[column].to_numpy(), group["run_on_arrival_cost"].to_numpy())
