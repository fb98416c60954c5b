"""Leaderboard rows and cases as tables: in the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]
MISSING = "–"


def number(key: str, pattern: str) -> Callable[[Row], str]:
    """A cell: the row's number under `key` in a format pattern, or a dash."""
    return lambda row: MISSING if row.get(key) is None else format(row[key], pattern)


def text(key: str) -> Callable[[Row], str]:
    """A cell: the row's text under `key`."""
    return lambda row: str(row[key])


def _interval(row: Row) -> str:
    return MISSING if row["kind"] == "bound" else f"{row['score_low']:.2f} to {row['score_high']:.2f}"


def _entrant(row: Row) -> str:
    seeds = len(row["train_seeds"])
    return f"{row['entrant']} ({seeds} seeds)" if seeds else str(row["entrant"])


LEADERBOARD: tuple[Column, ...] = (
    ("entrant", _entrant),
    ("score", number("score_iqm", ".3f")),
    ("95 % interval", _interval),
    ("P(best)", number("poi_vs_best_rule", ".2f")),
    ("saving", number("saving", ".1%")),
    ("late GPU-h", number("late_gpu_h", ",.0f")),
    ("green", number("green_share", ".1%")),
    ("in band", number("in_band", ".1%")),
    ("µs", number("decision_us", ",.0f")),
)
"""What a leaderboard shows of each row."""

CASE: tuple[Column, ...] = (
    ("tariff", text("tariff")),
    ("world", text("world")),
    ("entrant", text("entrant")),
    ("cost saving", number("saving", ".1%")),
    ("yuan/GPU-h saving", number("energy_saving", ".1%")),
    ("load", number("utilisation", ".1%")),
    ("in band", number("in_band", ".1%")),
    ("late GPU-h", number("late_gpu_h", ",.0f")),
)
"""What a case shows of each row."""

EPISODES: tuple[Column, ...] = (
    ("entrant", text("entrant")),
    ("episodes", number("episodes", "d")),
    ("score", number("score_iqm", ".3f")),
    ("95 % interval", _interval),
    ("saving", number("saving", ".1%")),
    ("yuan", number("cost_yuan", ",.0f")),
    ("late GPU-h", number("late_gpu_h", ",.0f")),
    ("green", number("green_share", ".1%")),
    ("in band", number("in_band", ".1%")),
)
"""What an evaluation shows of each entrant."""


def markdown(columns: Sequence[Column], rows: Sequence[Row]) -> str:
    """A Markdown table, the first column left, the others right aligned."""
    lines = [
        [title for title, _ in columns],
        [":--", *["--:"] * (len(columns) - 1)],
        *[[cell(row) for _, cell in columns] for row in rows],
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def terminal(columns: Sequence[Column], rows: Sequence[Row], title: str) -> Table:
    """A table for a terminal of 100 columns; learned entrants stand out, the bound steps back."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0))
    for index, (heading, _) in enumerate(columns):
        table.add_column(heading, justify="left" if index == 0 else "right", no_wrap=True)
    styles = {"learned": "bold", "bound": "dim"}
    for row in rows:
        table.add_row(*(cell(row) for _, cell in columns), style=styles.get(row.get("kind", ""), ""))
    return table
