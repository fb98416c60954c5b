"""Writes a leaderboard as a page in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattward.configs.schema.suite import Suite
from wattward.experiments.common import captions, tables
from wattward.experiments.common.records import RECORDED
from wattward.experiments.common.tables import ALL
from wattward.experiments.leaderboard.contents import worlds_of
from wattward.experiments.leaderboard.ranking import BEST_KNOWN, Row

IMPROVEMENT = tables.IMPROVEMENT[0].capitalize()


def as_markdown(suite: Suite, rows: Sequence[Row], version: str) -> str:
    """The board as a page: first over all scenarios, if there are several, then for each scenario.

    Args:
        suite: the suite.
        rows: rows of its leaderboard.
        version: version of the worlds in which its episodes were played.
    """
    labels = list(dict.fromkeys(row["scenario"] for row in rows))
    parts = [f"# {suite.title}\n\n{note(suite, rows, version)}\n"]
    if len(labels) > 1:
        parts.append(f"## Score by scenario\n\n{tables.markdown(*tables.by_scenario(rows))}")
    for label in sorted(labels, key=lambda label: label != ALL):
        here = [row for row in rows if row["scenario"] == label]
        heading = f"## {label}\n\n" if len(labels) > 1 else ""
        parts.append(f"{heading}{tables.markdown(tables.PAGE, here)}\n{captions.caption(here)}".rstrip() + "\n")
    return "\n".join(parts)


def note(suite: Suite, rows: Sequence[Row], version: str) -> str:
    """Explains the columns and marks of a leaderboard."""
    return " ".join(sentence for sentence in _sentences(suite, rows, version) if sentence)


def _sentences(suite: Suite, rows: Sequence[Row], version: str) -> Iterator[str]:
    played = [f"{w.scenario}{RECORDED if w.recording and suite.also_recorded else ''}" for w in worlds_of(suite)]
    kind = "recorded" if suite.recording and not suite.also_recorded else "drawn"
    yield (
        f"{suite.episodes} {suite.split} episodes of {', '.join(played)} ({kind}, {version} worlds), the same for all "
        "methods. Score: 0 is RunOnArrival, 1 the hindsight bound. In a scenario it is the interquartile mean, with a "
        "95 % bootstrap interval over training seeds and episodes."
    )
    if any(row["kind"] == BEST_KNOWN for row in rows):
        yield (
            "The best known schedule was found by a search that knows the whole episode, and played in the simulator. "
            "The optimum lies between it and the bound."
        )
    if len(played) > 1:
        yield "Over all scenarios, each value is the plain mean of the scenarios' values, and every scenario counts."
    yield (
        f"{IMPROVEMENT}: how often a run scores higher than a run of the best rule on the same episode. The best rule "
        "has the highest score of all rules, marked or not; optimisers and agents are not rules. 5 %: the fifth "
        "percentile of scores. Rank held: share of resamples in which the method keeps its rank. "
        "Saving: of total cost against RunOnArrival. Late: GPU-h per episode. "
        "In band: share of time within the scenario's load band. µs: mean time of a decision."
    )
    limits = [
        f"{100 * most:g}% {word}"
        for word, most in ((captions.LATE, suite.most_late_share), (captions.DROPPED, suite.most_dropped_share))
        if most is not None
    ]
    yield f"The contract allows at most {', '.join(limits)}." if limits else ""
    yield captions.legend(rows)
    left_out = suite.also_recorded if suite.also_recorded and not suite.recording else ()
    yield f"Left out because no recording was given: {', '.join(left_out)} (recorded)." if left_out else ""
