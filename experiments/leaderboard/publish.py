"""Publishes a leaderboard as a folder: tables, a picture, all episodes, and everything needed to reproduce it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wattward.configs.digests import digest, sha256_of_file
from wattward.configs.files import write_json, write_text
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.suite import Suite
from wattward.envs.world.splits import WORLDS_VERSION
from wattward.experiments.common.provenance import provenance
from wattward.experiments.common.records import Record, write_records
from wattward.experiments.leaderboard import compare as shift
from wattward.experiments.leaderboard.contents import (
    CONFIGS,
    EPISODES,
    FORM,
    LEADERBOARD,
    PROVENANCE,
    checkpoint_content,
    checkpoints_of,
    configs_of,
    digests_by_method,
    recording_content,
    seal,
    summarised,
    worlds_of,
)
from wattward.experiments.leaderboard.croissant import CROISSANT, describe
from wattward.experiments.leaderboard.page import as_markdown
from wattward.experiments.leaderboard.ranking import Row

PAGE, PICTURES = "leaderboard.md", ("leaderboard.png", "leaderboard.svg")
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
    configs = configs_of(suite)
    summaries = summarised(suite, records)
    for name, config in configs.items():
        write_json(out / CONFIGS / name, config)
    write_records(out / EPISODES, records)
    names = write_summaries(suite, records, summaries, out, WORLDS_VERSION)
    files = {name: sha256_of_file(out / name) for name in [*names, EPISODES, *(f"{CONFIGS}/{n}" for n in configs)]}
    about = _sources(suite, records) | {"submitted": dict(submitted or {}), "results": digests_by_method(records)}
    write_provenance(out, provenance(policy_seed=0, bootstrap_seed=0, summaries=FORM, **about, files=files))
    rows: list[Row] = summaries[LEADERBOARD]
    return rows


def write_summaries(
    suite: Suite, records: Sequence[Record], summaries: Mapping[str, Any], out: Path, version: str
) -> list[str]:
    """Writes everything that follows from the episodes, which are in `out` already; returns the names of the files.

    Args:
        suite: the suite.
        records: all its episodes.
        summaries: result of `summarised`.
        out: the folder.
        version: version of the worlds in which the episodes were played.
    """
    from wattward.experiments.leaderboard.figure import draw_leaderboard
    from wattward.experiments.leaderboard.figure_matrix import draw_matrix

    rows = summaries[LEADERBOARD]
    for name, data in summaries.items():
        write_json(out / name, data)
    write_text(out / PAGE, as_markdown(suite, rows, version))
    pages = [PAGE]
    if suite.compare:
        write_text(out / shift.SHIFT_PAGE, shift.as_markdown(summaries[shift.SHIFT]))
        pages.append(shift.SHIFT_PAGE)
    draw = draw_matrix if len({row["scenario"] for row in rows}) > MOST_PANELS else draw_leaderboard
    draw(rows, f"{suite.title} · {version} worlds", [out / name for name in PICTURES])
    described = {name: sha256_of_file(out / name) for name in (LEADERBOARD, EPISODES)}
    write_json(out / CROISSANT, describe(suite, records, described, version))
    return [*summaries, *pages, *PICTURES, CROISSANT]


def write_provenance(out: Path, made: Mapping[str, Any]) -> None:
    """Writes the provenance of a results folder with its own digest."""
    write_json(out / PROVENANCE, {**made, "sha256": seal(made)})


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
