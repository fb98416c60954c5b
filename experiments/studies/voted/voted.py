"""Sets each rule that decides for single jobs beside its voted form, in which regions take modes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wattward.configs.files import write_json
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.suite import Suite
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common import tables
from wattward.experiments.common.pages import read_between, rewrite_between
from wattward.experiments.common.provenance import provenance
from wattward.experiments.common.records import Record
from wattward.experiments.evaluation import statistics
from wattward.experiments.leaderboard import ranking
from wattward.experiments.leaderboard.standing import worlds_in

BEGIN, END = "<!-- voted:begin -->\n", "<!-- voted:end -->"
VOTED = "-voted"
"""What the name of a voted form ends with, see `wattward.baselines.registry`."""
FORMS = {"job": "per job", "voted": "voted"}
"""Prefix of a row's keys for each form, and its name in the table."""
NAMED = 3
"""How many rules are named as those that lose or gain most."""
Row = dict[str, Any]

TERMINAL: tuple[tables.Column, ...] = (
    ("rule", tables.text("rule")),
    *(
        column
        for form, name in FORMS.items()
        for column in (
            (name, tables.number(f"{form}_score", ".3f")),
            ("late GPU-h", tables.number(f"{form}_late_gpu_h", ",.0f")),
            ("ms", tables.number(f"{form}_ms", ".2f")),
        )
    ),
    ("cost of the vote", tables.number("cost", "+.3f")),
)
"""Columns of the table in a terminal."""
PAGE: tuple[tables.Column, ...] = (
    ("rule", lambda row: f"`{row['rule']}`"),
    *TERMINAL[1:-1],
    ("cost of the vote", lambda row: f"{row['cost']:+.3f} ({row['cost_low']:+.2f} to {row['cost_high']:+.2f})"),
)
"""Columns of the table of the page."""
NOTE = (
    "Scores are interquartile means over the episodes. Cost of the vote: mean difference of the scores on the same "
    "episodes, with its 95 % interval. Late: GPU-h that missed their deadline, per episode. ms: mean time of a "
    "decision in this run, beside other work on the same cores."
)


def rules_of(suite: Suite) -> list[str]:
    """The rules of a suite that it plays in both forms.

    Raises:
        ConfigError: there is none.
    """
    names = set(suite.rules)
    found = [name for name in suite.rules if f"{name}{VOTED}" in names]
    if suite.rules == "all" or not found:
        example = f"WaitAwhile and WaitAwhile{VOTED}"
        raise ConfigError(f"suite {suite.name}: rules: must name a rule and its voted form, such as {example}")
    return found


def compare(records: Sequence[Record], rules: Sequence[str]) -> list[Row]:
    """One row for each rule: score, late work and time of both forms, and what the vote costs; best per job first."""
    found = {row["method"]: row for row in ranking.rank(records)}
    (scores,) = ranking.tables_by_label(worlds_in(records)).values()
    rows = [_row(name, found, scores) for name in rules]
    return sorted(rows, key=lambda row: (-row["job_score"], row["rule"]))


def _row(name: str, found: dict[str, ranking.Row], scores: dict[str, statistics.Tables]) -> Row:
    row: Row = {"rule": name}
    for form, method in zip(FORMS, (name, f"{name}{VOTED}"), strict=True):
        known = found[method]
        row[f"{form}_score"], row[f"{form}_late_gpu_h"] = known["score_iqm"], known["late_gpu_h"]
        row[f"{form}_ms"] = known["decision_us"] / 1000.0
    cost = statistics.difference(scores[name], scores[f"{name}{VOTED}"])
    return row | {"cost": cost.value, "cost_low": cost.low, "cost_high": cost.high}


def as_markdown(suite: Suite, rows: Sequence[Row]) -> str:
    """The table with what it shows in words."""
    (scenario,) = suite.scenarios
    about = (
        f"`wattward study voted` played these on {suite.split} episodes 0 to {suite.episodes - 1} of `{scenario}`, "
        f"{WORLDS_VERSION} worlds. {NOTE}"
    )
    by_cost = sorted(rows, key=lambda row: row["cost"])
    costly = [row for row in reversed(by_cost) if row["cost_low"] > 0.0][:NAMED]
    useful = [row for row in by_cost if row["cost_high"] < 0.0][:NAMED]
    median = float(np.median([row["cost"] for row in rows]))
    said = f"The median cost over {len(rows)} rules is {median:.3f}. "
    said += f"The vote costs most: {_named(costly)}. It gains most: {_named(useful)}."
    return f"{about}\n\n{tables.markdown(PAGE, rows)}\n{said}\n"


def _named(rows: Sequence[Row]) -> str:
    return ", ".join(f"`{row['rule']}` ({abs(row['cost']):.2f})" for row in rows) or "none beyond chance"


def check_page(page: Path) -> None:
    """Checks the markers of a page.

    Raises:
        ConfigError: the page cannot be read, or does not contain each marker exactly once.
    """
    read_between(page, BEGIN, END)


def publish(suite: Suite, rows: Sequence[Row], facts: Path, page: Path | None) -> None:
    """Writes the rows with their provenance as JSON, and the table between the markers of a page.

    Raises:
        ConfigError: the page cannot be read, or does not contain each marker exactly once.
    """
    write_json(facts, {"suite": suite.model_dump(mode="json"), "rows": list(rows), "provenance": provenance()})
    if page is not None:
        rewrite_between(page, BEGIN, END, as_markdown(suite, rows))
