"""Leaderboard rows and cases as tables: in the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

ALL = "all scenarios"

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]
Cell = Callable[[Row], str]
Column = tuple[str, Cell]
MISSING = "–"


def in_currency(columns: Sequence[Column], currency: str) -> tuple[Column, ...]:
    """Replaces `{currency}` in headings of columns with the code of a currency."""
    return tuple((heading.replace("{currency}", currency), cell) for heading, cell in columns)


def number(key: str, pattern: str) -> Callable[[Row], str]:
    """Makes a cell: the row's number under `key` in a format pattern, or a dash."""
    return lambda row: MISSING if row.get(key) is None else format(row[key], pattern)


def milliseconds(row: Row) -> str:
    """A cell: the time of a decision [ms] to three digits, or a dash."""
    if row.get("decision_us") is None:
        return MISSING
    spent_ms = row["decision_us"] / 1000.0
    return f"{spent_ms:,.0f}" if spent_ms >= 99.5 else f"{spent_ms:.3g}"


def text(key: str) -> Callable[[Row], str]:
    """Makes a cell: the row's text under `key`."""
    return lambda row: str(row[key])


def scored(row: Row) -> str:
    """A cell: the score with the row's mark, or the mark alone if there is no score."""
    parts = (None if row["score_iqm"] is None else f"{row['score_iqm']:.3f}", row.get("mark"))
    return " ".join(part for part in parts if part) or MISSING


def _interval(row: Row) -> str:
    """The interval of a score; the bound has none."""
    if row["kind"] == "bound" or row.get("score_low") is None:
        return MISSING
    return f"{row['score_low']:.2f} to {row['score_high']:.2f}"


def _improvement(row: Row) -> str:
    """The probability of improvement over the best rule; the best rule itself is named so."""
    if row.get("improvement_over_best_rule") is None:
        return "best rule" if row.get("best_rule") == row["method"] else MISSING
    return f"{row['improvement_over_best_rule']:.2f}"


def _between(key: str) -> Callable[[Row], str]:
    return lambda row: f"{row[f'{key}_low']:.3f} to {row[f'{key}_high']:.3f}"


def method_with_seeds(row: Row) -> str:
    """A cell: the method and, if it is learned, its number of training seeds in a scenario."""
    few, many = row.get("seeds_by_scenario") or [len(row.get("train_seeds") or ())] * 2
    if not many:
        return str(row["method"])
    return f"{row['method']} ({few if few == many else f'{few}-{many}'} seeds)"


SCORE: tuple[Column, ...] = (
    ("method", method_with_seeds),
    ("score", scored),
    ("95 % interval", _interval),
)
IMPROVEMENT: Column = ("probability of improvement over the best rule", _improvement)
LEADERBOARD: tuple[Column, ...] = (
    *SCORE,
    IMPROVEMENT,
    ("saving", number("saving", ".1%")),
    ("late GPU-h", number("late_gpu_h", ",.0f")),
    ("green", number("green_share", ".1%")),
)
"""Columns of a leaderboard in a terminal of 80 columns."""

PAGE: tuple[Column, ...] = (
    *SCORE,
    ("5 %", number("score_p5", ".2f")),
    ("rank held", number("rank_held", ".0%")),
    *LEADERBOARD[3:],
    ("in band", number("in_band", ".1%")),
    ("µs", number("decision_us", ",.0f")),
)
"""Columns of a leaderboard's page, which may be wider than a terminal."""

VERSUS: tuple[Column, ...] = (
    ("method", text("method")),
    ("difference", number("difference", "+.3f")),
    ("95 % interval", _between("difference")),
    ("probability of improvement", number("improvement", ".2f")),
    ("95 % interval", _between("improvement")),
)
"""Columns of a comparison of methods with one of them."""

CASE: tuple[Column, ...] = (
    ("tariff", text("tariff")),
    ("world", text("world")),
    ("method", text("method")),
    ("cost saving", number("saving", ".1%")),
    ("saving per GPU-h", number("energy_saving", ".1%")),
    ("load", number("utilisation", ".1%")),
    ("in band", number("in_band", ".1%")),
    ("late GPU-h", number("late_gpu_h", ",.0f")),
)
"""Columns of a case."""

EPISODES: tuple[Column, ...] = (
    *SCORE,
    ("saving", number("saving", ".1%")),
    ("{currency}", number("total_cost", ",.0f")),
    ("late GPU-h", number("late_gpu_h", ",.0f")),
    ("green", number("green_share", ".0%")),
    ("ms", milliseconds),
)
"""Columns of an evaluation, one row for each method. The time is the median over episodes of an episode's mean."""


def by_scenario(rows: Sequence[Row]) -> tuple[tuple[Column, ...], list[Row]]:
    """Scores of a leaderboard: one column for each scenario, one row for each method, in `side_by_side_order`."""
    labels = list(dict.fromkeys(row["scenario"] for row in rows))
    found = {(row["method"], row["scenario"]): row for row in rows}
    columns: list[Column] = [("method", text("method"))]
    columns += [(label, text(label)) for label in (labels[-1], *labels[:-1])]
    shown: list[Row] = [
        {"method": name, **{label: _scored_or_missing(found.get((name, label))) for label in labels}}
        for name in side_by_side_order(rows)
    ]
    return tuple(columns), shown


def _scored_or_missing(row: Row | None) -> str:
    return "missing" if row is None else scored(row)


def side_by_side_order(rows: Sequence[Row]) -> list[str]:
    """Methods of a leaderboard: the bracket, learned methods, others; each in the order of the last scenario."""
    last = list(dict.fromkeys(row["scenario"] for row in rows))[-1]
    kinds = ("bound", "best known", "learned")
    shown = [row for row in rows if row["scenario"] == last]
    return [row["method"] for row in sorted(shown, key=lambda row: (*(row["kind"] != kind for kind in kinds),))]


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A Markdown table. The first column is left aligned, the others are right aligned."""
    lines = [
        [title for title, _ in columns],
        [":--", *["--:"] * (len(columns) - 1)],
        *[[cell(row) for _, cell in columns] for row in rows],
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def terminal(columns: Sequence[Column], rows: Sequence[Row], title: str, caption: str = "") -> Table:
    """A table for a terminal. Learned and submitted methods are bold, the bound is dim.

    A heading is broken into lines where this makes its column narrower. The caption stands below.
    """
    from rich import box
    from rich.table import Table

    cells = [[cell(row) for row in rows] for _, cell in columns]
    table = Table(
        title=title,
        caption=f"\n{caption}" if caption else None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        show_edge=False,
        padding=0,
    )
    for index, ((heading, _), column) in enumerate(zip(columns, cells, strict=True)):
        justify: Literal["left", "right"] = "left" if index == 0 else "right"
        table.add_column(_broken(heading, column), justify=justify, no_wrap=True)
    styles = {"learned": "bold", "submitted": "bold", "bound": "dim", "best known": "dim"}
    for row, line in zip(rows, zip(*cells, strict=True), strict=True):
        table.add_row(*line, style=styles.get(row.get("kind", ""), ""))
    return table


def _broken(heading: str, cells: Sequence[str]) -> str:
    """A heading in lines that are no longer than its longest word or the widest cell."""
    width = max(len(part) for part in (*heading.split(" "), *cells))
    return "\n".join(wrap(heading, width, break_long_words=False, break_on_hyphens=False))
