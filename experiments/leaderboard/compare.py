"""Compares the scores of methods before and after one change of the worlds, such as a new tariff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.configs.files import read_json
from wattward.configs.schema.base import ConfigError
from wattward.experiments.common import captions, tables
from wattward.experiments.common.pages import rewrite_between
from wattward.experiments.common.records import RECORDED, Record
from wattward.experiments.evaluation import scores, statistics
from wattward.experiments.evaluation.scores import Floats
from wattward.experiments.leaderboard.ranking import Row, kinds_of
from wattward.experiments.leaderboard.standing import NO_LIMITS, Limits, World, worlds_in

if TYPE_CHECKING:
    import pandas as pd

Pair = tuple[str, str]
"""The scenario before and the scenario after."""
SHIFT, SHIFT_PAGE, SHIFT_PICTURE = "shift.json", "shift.md", "shift.png"
BEGIN, END = "<!-- shift:begin -->\n", "<!-- shift:end -->"
SIDES = ("before", "after")


def compare(records: Sequence[Record], pair: Pair, limits: Limits = NO_LIMITS) -> list[Row]:
    """One row for each method that played both scenarios, by falling score after the change; those without come last.

    A method that broke the contract has its scores and a mark. One that failed in an episode has a mark alone.

    The change of a score is the difference of interquartile means. Its interval resamples episodes by number, because
    a number means the same draw of the world in both scenarios.

    Raises:
        ConfigError: a scenario was not played, or the two were not played in the same episodes.
    """
    worlds = worlds_in(records, limits)
    labels = [name if name in worlds else name + RECORDED for name in pair]
    missing = [name for name, label in zip(pair, labels, strict=True) if label not in worlds]
    if missing:
        raise ConfigError(f"compare: {missing[0]!r} was not played; must be among {', '.join(worlds)}")
    before, after = (worlds[label] for label in labels)
    kinds = kinds_of({"before": before, "after": after})
    rows = [_row(name, kind, pair, before, after) for name, kind in kinds.items() if _played(name, before, after)]
    if not rows:
        raise ConfigError(f"compare: no method played both {pair[0]} and {pair[1]}")
    return sorted(rows, key=lambda row: (row["score_after"] is None, -(row["score_after"] or 0.0), row["method"]))


def _played(name: str, before: World, after: World) -> bool:
    return name in before.groups and name in after.groups


def _row(name: str, kind: str, pair: Pair, before: World, after: World) -> Row:
    group = before.groups[name]
    if name in before.tables and name in after.tables:
        _check_paired(name, group, after.groups[name])
    row: Row = {
        "method": name,
        "kind": kind,
        "train_seeds": [int(seed) for seed in sorted(group["train_seed"].dropna().unique())],
        "episodes": int(group["episode"].nunique()),
    }
    for side, scenario, world in zip(SIDES, pair, (before, after), strict=True):
        row |= _side(side, scenario, name, world)
    return row | _change(before.tables.get(name), after.tables.get(name))


def _check_paired(name: str, before: pd.DataFrame, after: pd.DataFrame) -> None:
    keys = [set(zip(g["train_seed"].fillna(-1), g["episode"], strict=True)) for g in (before, after)]
    if keys[0] != keys[1]:
        raise ConfigError(f"compare: {name!r} did not play the same episodes of both scenarios with the same seeds")


def _side(side: str, scenario: str, name: str, world: World) -> Row:
    table, group, mark = world.tables.get(name), world.groups[name], world.marks.get(name)
    found = None if table is None else statistics.score_estimate([table])
    costs = (group[key].to_numpy() for key in ("total_cost", "run_on_arrival_cost"))
    return {
        f"scenario_{side}": scenario,
        f"score_{side}": found and found.value,
        f"score_{side}_low": found and found.low,
        f"score_{side}_high": found and found.high,
        f"saving_{side}": None if found is None else scores.saving(*costs),
        f"mark_{side}": mark and mark.mark,
        f"reason_{side}": mark and mark.reason,
    }


def _change(before: Floats | None, after: Floats | None) -> Row:
    if before is None or after is None:
        return dict.fromkeys(("change", "change_low", "change_high"))
    found = statistics.change(before, after)
    return {"change": found.value, "change_low": found.low, "change_high": found.high}


def brief_columns() -> tuple[tables.Column, ...]:
    """Columns of the table in a terminal."""
    change = [("change", tables.number("change", "+.3f")), ("95 % interval", _interval("change", "+.3f"))]
    return (("method", tables.method_with_seeds), *((side, _score(side)) for side in SIDES), *change)


def columns(pair: Pair) -> tuple[tables.Column, ...]:
    """Columns of the table on a page."""
    sides = [
        column
        for side, scenario in zip(SIDES, pair, strict=True)
        for column in ((scenario, _score(side)), ("95 %", _interval(f"score_{side}", ".2f")))
    ]
    change = [("change", tables.number("change", "+.3f")), ("95 %", _interval("change", "+.3f"))]
    return (("method", tables.method_with_seeds), *sides, *change, *_savings())


def _savings() -> list[tables.Column]:
    return [(f"saving {side}", tables.number(f"saving_{side}", ".1%")) for side in SIDES]


def _score(side: str) -> tables.Cell:
    def cell(row: Mapping[str, Any]) -> str:
        return tables.scored({"score_iqm": row[f"score_{side}"], "mark": row[f"mark_{side}"]})

    return cell


def _interval(key: str, pattern: str) -> tables.Cell:
    def cell(row: Mapping[str, Any]) -> str:
        low, high = row[f"{key}_low"], row[f"{key}_high"]
        return tables.MISSING if low is None else f"{low:{pattern}} to {high:{pattern}}"

    return cell


def pair_of(rows: Sequence[Row]) -> Pair:
    """The two scenarios that rows of `compare` refer to."""
    return str(rows[0]["scenario_before"]), str(rows[0]["scenario_after"])


def as_markdown(rows: Sequence[Row]) -> str:
    """The table in Markdown, with an explanation of its numbers."""
    pair = pair_of(rows)
    return (
        f"{rows[0]['episodes']} episodes of `{pair[0]}` and the same ones of `{pair[1]}`. Score: 0 is RunOnArrival, 1 "
        "the hindsight bound, each under its own scenario's prices; interquartile mean. Change: the second less the "
        "first; its interval resamples training seeds and episode numbers, the same on both sides. Saving: of total "
        f"cost against RunOnArrival.{_marks(rows)}\n\n{tables.markdown(columns(pair), rows)}"
    )


def _marks(rows: Sequence[Row]) -> str:
    """What the marks mean, and the reason for each."""
    marked = [{"mark": row[f"mark_{side}"]} for row in rows for side in SIDES]
    reasons = [
        f"{row['method']} in `{row[f'scenario_{side}']}`: {row[f'reason_{side}']}"
        for row in rows
        for side in SIDES
        if row.get(f"reason_{side}")
    ]
    return f" {captions.legend(marked)} {'; '.join(reasons)}." if reasons else ""


def read_shift(folder: Path) -> list[Row]:
    """Reads the rows of `compare` from a results folder.

    Raises:
        ConfigError: the folder holds none.
    """
    rows = read_json(folder / SHIFT)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and "change" in row for row in rows):
        raise ConfigError(
            f"{folder / SHIFT}: no rows; `wattward leaderboard` writes them for a suite with `compare: [BEFORE, AFTER]`"
        )
    return rows


def update_page(page: Path, rows: Sequence[Row]) -> None:
    """Rewrites the table of a page between its markers. The rest of the page does not change.

    Raises:
        ConfigError: the page cannot be read, or does not contain each marker exactly once.
    """
    rewrite_between(page, BEGIN, END, as_markdown(rows))
