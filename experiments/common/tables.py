"""Leaderboard rows and cases as tables: in the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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


def text(key: str) -> Callable[[Row], str]:
    """Makes a cell: the row's text under `key`."""
    return lambda row: str(row[key])


def _interval(row: Row) -> str:
    """The interval, or the reason why there is no score."""
    if row["kind"] == "bound" or row.get("score_low") is None:
        return str(row.get("mark") or MISSING)
    return f"{row['score_low']:.2f} to {row['score_high']:.2f}"


def _between(key: str) -> Callable[[Row], str]:
    return lambda row: f"{row[f'{key}_low']:.3f} to {row[f'{key}_high']:.3f}"


def method_with_seeds(row: Row) -> str:
    """A cell: the method and, if it is learned, its number of training seeds."""
    seeds = len(row["train_seeds"])
    return f"{row['method']} ({seeds} seeds)" if seeds else str(row["method"])


LEADERBOARD: tuple[Column, ...] = (
    ("method", method_with_seeds),
    ("score", number("score_iqm", ".3f")),
    ("95 % interval", _interval),
    ("P(best)", number("poi_vs_best_rule", ".2f")),
    ("saving", number("saving", ".1%")),
    ("late GPU-h", number("late_gpu_h", ",.0f")),
    ("green", number("green_share", ".1%")),
    ("in band", number("in_band", ".1%")),
    ("µs", number("decision_us", ",.0f")),
)
"""Columns of a leaderboard."""

PAGE: tuple[Column, ...] = (
    *LEADERBOARD[:3],
    ("5 %", number("score_p5", ".2f")),
    ("rank held", number("rank_held", ".0%")),
    *LEADERBOARD[3:],
)
"""Columns of a leaderboard's page, which may be wider than a terminal."""

VERSUS: tuple[Column, ...] = (
    ("method", text("method")),
    ("difference", number("difference", "+.3f")),
    ("95 % interval", _between("difference")),
    ("P(better)", number("improvement", ".2f")),
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
    ("method", text("method")),
    ("episodes", number("episodes", "d")),
    ("score", number("score_iqm", ".3f")),
    ("95 % interval", _interval),
    ("saving", number("saving", ".1%")),
    ("{currency}", number("total_cost", ",.0f")),
    ("late GPU-h", number("late_gpu_h", ",.0f")),
    ("green", number("green_share", ".1%")),
    ("in band", number("in_band", ".1%")),
)
"""Columns of an evaluation, one row for each method."""


def by_scenario(rows: Sequence[Row]) -> tuple[tuple[Column, ...], list[Row]]:
    """Scores of a leaderboard: one column for each scenario, one row for each method, in `side_by_side_order`.

    A method without a score shows its mark instead.
    """
    labels = list(dict.fromkeys(row["scenario"] for row in rows))
    names = side_by_side_order(rows)
    found = {(row["method"], row["scenario"]): row for row in rows}
    columns: list[Column] = [("method", text("method"))]
    columns += [(label, text(label)) for label in (labels[-1], *labels[:-1])]
    shown: list[Row] = [
        {"method": name, **{label: score(found.get((name, label))) for label in labels}} for name in names
    ]
    return tuple(columns), shown


def side_by_side_order(rows: Sequence[Row]) -> list[str]:
    """Methods of a leaderboard: bound, learned methods, others. Each kind is in the order of the last scenario."""
    last = list(dict.fromkeys(row["scenario"] for row in rows))[-1]
    kinds = ("bound", "learned")
    shown = [row for row in rows if row["scenario"] == last]
    return [row["method"] for row in sorted(shown, key=lambda row: (*(row["kind"] != kind for kind in kinds),))]


def score(row: Row | None) -> str:
    """A score, or the mark of a method without one."""
    if row is None:
        return MISSING
    return str(row.get("mark") or MISSING) if row["score_iqm"] is None else f"{row['score_iqm']:.3f}"


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A Markdown table. The first column is left aligned, the others are right aligned."""
    lines = [
        [title for title, _ in columns],
        [":--", *["--:"] * (len(columns) - 1)],
        *[[cell(row) for _, cell in columns] for row in rows],
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def terminal(columns: Sequence[Column], rows: Sequence[Row], title: str) -> Table:
    """A table for a terminal of 100 columns. Learned and submitted methods are bold, the bound is dim."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
    for index, (heading, _) in enumerate(columns):
        table.add_column(heading, justify="left" if index == 0 else "right", no_wrap=True)
    styles = {"learned": "bold", "submitted": "bold", "bound": "dim"}
    for row in rows:
        table.add_row(*(cell(row) for _, cell in columns), style=styles.get(row.get("kind", ""), ""))
    return table
