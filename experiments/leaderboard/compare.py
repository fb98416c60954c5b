"""Compares the scores of methods before and after one change of the worlds, such as a new tariff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wattward.configs.files import read_json, write_text
from wattward.configs.schema.base import ConfigError
from wattward.experiments.common import tables
from wattward.experiments.common.records import Record
from wattward.experiments.evaluation import scores, statistics
from wattward.experiments.leaderboard import ranking
from wattward.experiments.leaderboard.ranking import NO_LIMITS, Limits, Row, World

if TYPE_CHECKING:
    import pandas as pd

Pair = tuple[str, str]
"""The scenario before and the scenario after."""
SHIFT, SHIFT_PAGE, SHIFT_PICTURE = "shift.json", "shift.md", "shift.png"
BEGIN, END = "<!-- shift:begin -->\n", "<!-- shift:end -->"
SIDES = ("before", "after")


def compare(records: Sequence[Record], pair: Pair, limits: Limits = NO_LIMITS) -> list[Row]:
    """One row for each method that played both scenarios, by falling score after the change; those without come last.

    The change of a score is the difference of interquartile means. Its interval resamples episodes by number, because
    a number means the same draw of the world in both scenarios.

    Raises:
        ConfigError: a scenario was not played, or the two were not played in the same episodes.
    """
    worlds = ranking.worlds_in(records, limits)
    labels = [name if name in worlds else name + ranking.RECORDED for name in pair]
    missing = [name for name, label in zip(pair, labels, strict=True) if label not in worlds]
    if missing:
        raise ConfigError(f"compare: {missing[0]!r} was not played; must be among {', '.join(worlds)}")
    before, after = (worlds[label] for label in labels)
    rows = [_row(name, pair, before, after) for name in before.groups if name in after.groups]
    if not rows:
        raise ConfigError(f"compare: no method played both {pair[0]} and {pair[1]}")
    return sorted(rows, key=lambda row: (row["score_after"] is None, -(row["score_after"] or 0.0), row["method"]))


def _row(name: str, pair: Pair, before: World, after: World) -> Row:
    groups = before.groups[name], after.groups[name]
    _check_paired(name, *groups)
    about = groups[0].iloc[0]
    submitted = "submitted" in groups[0] and bool(about["submitted"])
    row: Row = {
        "method": name,
        "kind": "learned" if about["learned"] else "submitted" if submitted else "rule",
        "train_seeds": [int(seed) for seed in sorted(groups[0]["train_seed"].dropna().unique())],
        "episodes": int(groups[0]["episode"].nunique()),
    }
    for side, scenario, world, group in zip(SIDES, pair, (before, after), groups, strict=True):
        row |= _side(side, scenario, group, world.marks.get(name))
    return row | _change(*(None if row[f"mark_{side}"] else g for side, g in zip(SIDES, groups, strict=True)))


def _check_paired(name: str, before: pd.DataFrame, after: pd.DataFrame) -> None:
    keys = [set(zip(g["train_seed"].fillna(-1), g["episode"], strict=True)) for g in (before, after)]
    if keys[0] != keys[1]:
        raise ConfigError(f"compare: {name!r} did not play the same episodes of both scenarios with the same seeds")


def _side(side: str, scenario: str, group: pd.DataFrame, mark: str | None) -> Row:
    found = None if mark else statistics.iqm_estimate(ranking.score_table(group)[:, :, None])
    return {
        f"scenario_{side}": scenario,
        f"score_{side}": found and found.value,
        f"score_{side}_low": found and found.low,
        f"score_{side}_high": found and found.high,
        f"saving_{side}": scores.saving(group["total_cost"].to_numpy(), group["run_on_arrival_cost"].to_numpy()),
        f"mark_{side}": mark,
    }


def _change(before: pd.DataFrame | None, after: pd.DataFrame | None) -> Row:
    if before is None or after is None:
        return dict.fromkeys(("change", "change_low", "change_high"))
    found = statistics.change(*(ranking.score_table(group)[:, :, None] for group in (before, after)))
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
        score = row[f"score_{side}"]
        return str(row[f"mark_{side}"] or tables.MISSING) if score is None else f"{score:.3f}"

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
        f"cost against RunOnArrival.\n\n{tables.markdown(columns(pair), rows)}"
    )


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
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{page}: cannot be read: {error.strerror}") from error
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ConfigError(f"{page}: must hold {BEGIN.strip()} and {END} once each")
    before, rest = text.split(BEGIN)
    write_text(page, before + BEGIN + as_markdown(rows) + END + rest.split(END)[1])
