"""Sentences below the tables of a leaderboard: the best of each kind of method, and why methods are marked."""

from __future__ import annotations

from collections.abc import Sequence

from wattward.experiments.common.tables import Row

KINDS = {
    "rule": "rule",
    "optimiser": "optimiser",
    "learned": "learned agent",
    "submitted": "method of another package",
}
"""What a kind of method is called in a sentence."""
TIMED = "ms: time of a decision. late GPU-h: work that missed its deadline, per episode."
"""What columns of an evaluation mean."""
LATE, DROPPED, FAILED, MISSING = "late", "dropped", "failed", "missing"
MARKS = {
    LATE: "more work is late than the contract allows",
    DROPPED: "more interactive work is dropped than the contract allows",
    FAILED: "the method failed in an episode or has no record of one, so it has no score",
    MISSING: "the suite has no method of this name in the scenario",
}
"""Meanings of the marks. Methods that are late or drop work break the contract of a suite, and have a score."""


def best_of(rows: Sequence[Row], kind: str) -> Row | None:
    """The row with the highest score among methods of a kind, marked or not; of equals, RunOnArrival, then by name."""
    scored = [row for row in rows if row["kind"] == kind and row["score_iqm"] is not None]
    order = sorted(scored, key=lambda row: (-row["score_iqm"], row["method"] != "RunOnArrival", row["method"]))
    return order[0] if order else None


def best(rows: Sequence[Row]) -> str:
    """Names the best method of each kind with its score, and says of those with a mark which one it is."""
    found = [(name, best_of(rows, kind)) for kind, name in KINDS.items()]
    return " ".join(f"Best {name}: {named(row)}, {row['score_iqm']:.3f}." for name, row in found if row is not None)


def named(row: Row) -> str:
    """The name of a method with its mark, as in `WaitAwhile (late)`."""
    return f"{row['method']} ({row['mark']})" if row.get("mark") else str(row["method"])


def reasons(rows: Sequence[Row]) -> str:
    """Says of each marked method why; empty if there is none."""
    marked = [f"{row['method']}: {row['reason']}" for row in rows if row.get("mark") and row.get("reason")]
    return f"Marks: {'; '.join(marked)}." if marked else ""


def caption(rows: Sequence[Row]) -> str:
    """Everything that is said below one table."""
    return " ".join(part for part in (best(rows), reasons(rows)) if part)


def legend(rows: Sequence[Row]) -> str:
    """What each mark in these rows means; empty if there is none."""
    words = {word for row in rows for word in (row.get("mark") or "").split(", ")}
    meant = [f"{word}: {meaning}" for word, meaning in MARKS.items() if word in words]
    counted = " A marked score counts like any other." if words & {LATE, DROPPED} else ""
    return f"Marks: {'; '.join(meant)}.{counted}" if meant else ""
