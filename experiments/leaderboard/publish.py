"""Publishes a leaderboard as a folder: tables, a picture, all episodes, and everything needed to reproduce it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattward.configs.digests import digest, sha256_of_file
from wattward.configs.files import write_json, write_text
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.suite import Suite
from wattward.experiments.common import tables
from wattward.experiments.common.provenance import provenance
from wattward.experiments.common.records import Record, write_records
from wattward.experiments.common.tables import ALL
from wattward.experiments.leaderboard import compare as shift
from wattward.experiments.leaderboard import ranking
from wattward.experiments.leaderboard.contents import (
    CONFIGS,
    EPISODES,
    LEADERBOARD,
    PROFILES,
    PROVENANCE,
    RANKS,
    checkpoint_content,
    checkpoints_of,
    configs_of,
    digests_by_method,
    limits_of,
    recording_content,
    seal,
    statistics_of,
    worlds_of,
)
from wattward.experiments.leaderboard.croissant import CROISSANT, describe
from wattward.experiments.leaderboard.ranking import Row

MOST_PANELS = 3
"""With more scenarios, the picture is a matrix."""


def publish(
    suite: Suite, records: Sequence[Record], out: Path, *, submitted: Mapping[str, Mapping[str, str]] | None = None
) -> list[Row]:
    """Writes all files of a leaderboard to the folder `out` and returns its rows.

    Args:
        suite: the suite.
        records: all its episodes.
        out: the folder. The provenance is written last.
        submitted: location and digest of each method of another package, by name.
    """
    from wattward.experiments.leaderboard.figure import draw_leaderboard
    from wattward.experiments.leaderboard.figure_matrix import draw_matrix

    rows = ranking.rank(records, limits_of(suite))
    configs = configs_of(suite)
    shapes = statistics_of(suite, records)
    for name, config in configs.items():
        write_json(out / CONFIGS / name, config)
    write_json(out / LEADERBOARD, rows)
    write_json(out / PROFILES, shapes[PROFILES])
    write_json(out / RANKS, shapes[RANKS])
    write_text(out / "leaderboard.md", as_markdown(suite, rows))
    if suite.compare:
        write_json(out / shift.SHIFT, shapes[shift.SHIFT])
        write_text(out / shift.SHIFT_PAGE, shift.as_markdown(shapes[shift.SHIFT]))
    write_records(out / EPISODES, records)
    draw = draw_matrix if len({row["scenario"] for row in rows}) > MOST_PANELS else draw_leaderboard
    draw(rows, suite.title, [out / "leaderboard.png", out / "leaderboard.svg"])
    about = _sources(suite, records) | {"submitted": dict(submitted or {}), "results": digests_by_method(records)}
    kept = [LEADERBOARD, PROFILES, RANKS, "leaderboard.md", EPISODES, "leaderboard.png", "leaderboard.svg"]
    kept += [shift.SHIFT, shift.SHIFT_PAGE] if suite.compare else []
    files = {name: sha256_of_file(out / name) for name in [*kept, *(f"{CONFIGS}/{name}" for name in configs)]}
    write_json(out / CROISSANT, describe(suite, records, {name: files[name] for name in (LEADERBOARD, EPISODES)}))
    files[CROISSANT] = sha256_of_file(out / CROISSANT)
    made = provenance(policy_seed=0, bootstrap_seed=0, **about, files=files)
    write_json(out / PROVENANCE, {**made, "sha256": seal(made)})
    return rows


def as_markdown(suite: Suite, rows: Sequence[Row]) -> str:
    """The board as a page: first over all scenarios, if there are several, then for each scenario.

    The first part leaves out methods without a score over all scenarios.
    """
    labels = list(dict.fromkeys(row["scenario"] for row in rows))
    parts = [f"# {suite.title}\n\n{note(suite)}\n"]
    if len(labels) > 1:
        parts.append(f"## Score by scenario\n\n{tables.markdown(*tables.by_scenario(rows))}")
    for label in sorted(labels, key=lambda label: label != ALL):
        here = [row for row in rows if row["scenario"] == label]
        shown = here if label != ALL else [row for row in here if row["score_iqm"] is not None]
        parts.append((f"## {label}\n\n" if len(labels) > 1 else "") + tables.markdown(tables.PAGE, shown))
    return "\n".join(parts)


def note(suite: Suite) -> str:
    """Explains the columns of a leaderboard in a few lines."""
    played = worlds_of(suite)
    worlds = [f"{w.scenario}{ranking.RECORDED if w.recording and suite.also_recorded else ''}" for w in played]
    kind = "recorded" if suite.recording and not suite.also_recorded else "drawn"
    left_out = suite.also_recorded if suite.also_recorded and not suite.recording else ()
    limits = [
        f"{100 * most:g}% {word}"
        for word, most in (("late", suite.most_late_share), ("dropped", suite.most_dropped_share))
        if most is not None
    ]
    return (
        f"{suite.episodes} {suite.split} episodes of {', '.join(worlds)} ({kind} worlds), the same for all methods. "
        "Score: 0 is RunOnArrival, 1 the hindsight bound; interquartile mean with a 95 % bootstrap interval over "
        "training seeds and episodes. P(best): probability of beating the best rule on an episode. 5 %: the fifth "
        "percentile of scores. "
        "Saving: of total cost against RunOnArrival. Late: GPU-h per episode. "
        "In band: share of time within the scenario's load band. µs: mean time of a decision."
        + (
            f" Methods that break the contract ({', '.join(limits)}) are marked and have no score. 'broke 1 of 3': "
            "in one of three scenarios."
            if limits
            else ""
        )
        + (f" Left out because no recording was given: {', '.join(left_out)} (recorded)." if left_out else "")
    )


def _sources(suite: Suite, records: Sequence[Record]) -> dict[str, Any]:
    """The resolved suite, and digests of all scenarios and checkpoints that took part."""
    took_part = {record["method"] for record in records}
    scenarios = dict.fromkeys(worlds.scenario for worlds in worlds_of(suite))
    pairs = [pair for scenario in scenarios for pair in checkpoints_of(suite, scenario)]
    return {
        "suite": configs_of(suite)["suite.json"],
        "learned": any(record["learned"] for record in records),
        "scenarios": {name: digest(load_scenario(name).model_dump_json()) for name in scenarios},
        "recordings": {w.scenario: recording_content(w) for w in worlds_of(suite) if w.recording},
        "checkpoints": {
            folder: checkpoint_content(folder) for name, folder in dict.fromkeys(pairs) if name in took_part
        },
    }
