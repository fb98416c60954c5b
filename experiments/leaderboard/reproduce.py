"""Runs published results again and lists every difference.

It compares files with their published digests, configurations with those of this version, tables with the episodes, and
all episodes or a sample with new runs. Everything must be bitwise equal except for measured times and the hindsight
bound. The bound comes from an iterative solver whose builds may differ in the last digits. A bound within
BOUND_TOLERANCE passes and is counted in a note.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wattward.configs.digests import sha256_of_file
from wattward.configs.files import read_json
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.suite import Suite
from wattward.experiments.common.provenance import code_digest, host, provenance, refuse_other_worlds
from wattward.experiments.common.records import BEST_KNOWN_COST, Record
from wattward.experiments.evaluation.cells import Cell
from wattward.experiments.evaluation.executor import run_cells
from wattward.experiments.leaderboard import contents as leaderboard
from wattward.experiments.leaderboard.contents import (
    CONFIGS,
    EPISODES,
    FORM,
    PROVENANCE,
    UNTIMED,
    form_of,
    read_episodes,
    read_provenance,
    suite_of,
    worlds_of,
)
from wattward.experiments.leaderboard.suites import cells_of

BOUND_TOLERANCE, SCORE_TOLERANCE = 1e-8, 1e-6
"""Relative tolerance of the bound, and of scores that follow from it."""
TABLE_TOLERANCE = 1e-9
"""Tolerance of statistics from the same episodes, because sums may be computed in another order."""
MOST_SHOWN = 20
"""Number of differences that are listed for one file or cell."""
Key = tuple[str, int]


@dataclass
class Report:
    """Result of running a results folder again."""

    cells: int = 0
    cells_run: int = 0
    records: int = 0
    bounds_off: int = 0
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """A short summary."""
        return (
            f"{len(self.differences)} differences"
            if self.differences
            else "everything is bitwise equal except for times"
        )


def reproduce(
    folder: Path,
    *,
    sample: int | None = None,
    seed: int = 0,
    recording: str | None = None,
    jobs: int = 2,
    progress: bool = True,
) -> Report:
    """Checks a folder of `leaderboard.publish` and runs its cells again, without any cache.

    Args:
        folder: the results.
        sample: number of random cells to run; all if None.
        seed: seed of the sample.
        recording: folder of recorded series, if the results need one.
        jobs: number of processes.
        progress: whether to show a progress bar.

    Raises:
        ConfigError: the folder holds no results, they were played in worlds of another version, or something needed to
            run them is missing.
    """
    made = read_provenance(folder)
    refuse_other_worlds(folder, made)
    report = Report(notes=[*_other_circumstances(made), *_other_form(folder, made)])
    if leaderboard.seal(made) != made.get("sha256"):
        report.differences.append(f"{PROVENANCE}: is not as it was written: its own digest does not fit it")
    report.differences += _changed_files(folder, made["files"])
    suite = suite_of(folder, made)
    if suite.recording and recording is None:
        raise ConfigError(f"{folder}: these results need recorded series: give their folder with --recording")
    suite = suite.model_copy(update={"recording": recording if suite.recording else None})
    report.differences += _changed_configs(folder, suite)
    report.differences += _changed_methods(suite, made)
    try:
        records = read_episodes(folder)
    except ConfigError as error:
        report.differences.append(str(error).removeprefix(f"{folder}/"))
    else:
        _check_tables(folder, suite, made, records, report)
        _run_again(_grid(suite, made, records, report), records, report, sample, seed, jobs, progress)
    return report


def differing(published: object, again: object, tolerance: float = 0.0, at: str = "") -> Iterator[str]:
    """All leaves in which two trees of mappings, lists and values differ: key and both values."""
    if isinstance(published, Mapping) and isinstance(again, Mapping):
        for key in dict.fromkeys([*published, *again]):
            below = f"{at}.{key}" if at else str(key)
            yield from differing(published.get(key, "absent"), again.get(key, "absent"), tolerance, below)
    elif isinstance(published, list) and isinstance(again, list) and len(published) == len(again):
        for index, pair in enumerate(zip(published, again, strict=True)):
            yield from differing(*pair, tolerance, f"{at}[{index}]")
    elif not _same(published, again, tolerance):
        yield f"{at}: {_short(published)} in the folder, {_short(again)} now"


def _same(a: object, b: object, tolerance: float) -> bool:
    if (
        isinstance(a, int | float)
        and isinstance(b, int | float)
        and not isinstance(a, bool)
        and not isinstance(b, bool)
    ):
        return a == b or abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))
    return a == b


def _short(value: object) -> str:
    shown = json.dumps(value) if not isinstance(value, list) else f"a list of {len(value)}"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _other_circumstances(made: Mapping[str, Any]) -> Iterator[str]:
    """Changes since the results were made that may explain differences: code, packages, processor."""
    now = provenance()
    if made.get("code") != code_digest():
        yield f"made by other code than this ({made.get('code')} at commit {made.get('git_commit')})"
    for name, version in (made.get("packages") or {}).items():
        here = now["packages"][name] if isinstance(now["packages"], dict) and name in now["packages"] else None
        if here != version:
            yield f"made with {name} {version}, this is {here}"
    processor = (made.get("host") or {}).get("processor")
    if processor != host()["processor"]:
        yield f"made on {processor}, this is {host()['processor']}"


def _other_form(folder: Path, made: Mapping[str, Any]) -> Iterator[str]:
    if form_of(made) != FORM:
        yield (
            f"its tables have form {form_of(made)}, this version makes form {FORM}: the board over all scenarios has "
            "the mean of their values, methods that break the contract have scores, and optimisers are not rules. Only "
            f"what both forms have is compared; `wattward study summarise {folder}` makes the tables again from the "
            "episodes"
        )


def _changed_files(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name}: is missing"
        elif sha256_of_file(path) != digest:
            yield f"{name}: is not the file that was published: its SHA-256 differs"


def _changed_configs(folder: Path, suite: Suite) -> Iterator[str]:
    for name, now in leaderboard.configs_of(suite).items():
        published = read_json(folder / CONFIGS / name)
        if published is not None:
            found = list(differing(published, json.loads(json.dumps(now))))
            yield from (f"{CONFIGS}/{name}: {difference}" for difference in _few(found))


def _changed_methods(suite: Suite, made: Mapping[str, Any]) -> Iterator[str]:
    for folder, content in made.get("checkpoints", {}).items():
        now = leaderboard.checkpoint_content(folder)
        if now != content:
            yield f"checkpoint {folder}: {'is missing' if now is None else 'its files are not those of the results'}"
    for worlds in worlds_of(suite):
        content = made.get("recordings", {}).get(worlds.scenario)
        if worlds.recording and leaderboard.recording_content(worlds) != content:
            yield f"recording of {worlds.scenario}: its series are not those of the results"


def _check_tables(
    folder: Path, suite: Suite, made: Mapping[str, Any], records: Sequence[Record], report: Report
) -> None:
    """Compares digests by method, tables and statistics with the published episodes."""
    digests = leaderboard.digests_by_method(records)
    for name in dict.fromkeys([*made["results"], *digests]):
        if made["results"].get(name) != digests.get(name):
            report.differences.append(f"{EPISODES}: episodes of {name} are not those that were published")
    try:
        anew = leaderboard.summarised(suite, records)
    except (ConfigError, ValueError) as error:
        report.differences.append(f"{EPISODES}: no table can be made of it: {error}")
        return
    for name, data in anew.items():
        published = read_json(folder / name)
        if published is None:
            continue
        now = _by_name(json.loads(json.dumps(data)))
        before = _by_name(published)
        if form_of(made) != FORM:
            before, now = _shared(before, now), _shared(now, before)
        found = list(differing(before, now, TABLE_TOLERANCE))
        report.differences += [f"{name}: {difference}" for difference in _few(found)]


def _by_name(data: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Rows of methods by scenario and method, so that a difference says whose it is; other data as they are."""
    if not isinstance(data, list) or not all(isinstance(row, dict) and "method" in row for row in data):
        return data
    return {"/".join(str(row[key]) for key in ("scenario", "method") if key in row): row for row in data}


def _shared(data: Any, other: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The part of a tree of mappings whose keys the other tree has, too."""
    if not isinstance(data, Mapping) or not isinstance(other, Mapping):
        return data
    return {key: _shared(value, other[key]) for key, value in data.items() if key in other}


def _grid(suite: Suite, made: Mapping[str, Any], records: Sequence[Record], report: Report) -> list[Cell]:
    """Cells of the published episodes. Methods that no longer exist are noted as differences."""
    learned = any(record["learned"] for record in records)
    more = [about["factory"] for about in made.get("submitted", {}).values()]
    published = {leaderboard.group_name(record) for record in records}
    cells: dict[str, list[Cell]] = {}
    for cell in cells_of(suite, learned=learned, more=more):
        cells.setdefault(_group_of(cell), []).append(cell)
    for name in sorted(published - cells.keys()):
        report.differences.append(f"{EPISODES}: {name}: no such method here")
    for name, own in cells.items():
        about = made.get("submitted", {}).get(own[0].who.name)
        if name in published and about and about["content"] != own[0].who.content:
            report.differences.append(f"{name}: the files of {about['factory']} are not those of the results")
    return [cell for name, own in cells.items() if name in published for cell in own]


def _group_of(cell: Cell) -> str:
    worlds = cell.worlds
    about = {"scenario": worlds.scenario, "recorded": worlds.recording is not None}
    return leaderboard.group_name({**about, "method": cell.who.name, "train_seed": cell.who.train_seed})


def _run_again(
    cells: Sequence[Cell],
    records: Sequence[Record],
    report: Report,
    sample: int | None,
    seed: int,
    jobs: int,
    progress: bool,
) -> None:
    report.cells, chosen = len(cells), list(cells)
    if sample is not None and sample < len(cells):
        drawn = np.random.default_rng(seed).choice(len(cells), size=sample, replace=False)
        chosen = [cells[index] for index in sorted(drawn.tolist())]
    with tempfile.TemporaryDirectory() as cache:
        again = run_cells(chosen, Path(cache), jobs=jobs, progress=progress)
    published = {_key(record): record for record in records}
    report.cells_run, report.records = len(chosen), len(again)
    if any(record.get(BEST_KNOWN_COST) is not None for record in records):
        report.notes.append("costs of the best known schedules are those of the folder; they were not searched again")
    for record in again:
        _compare(published.get(_key(record)), record, report)
    if report.bounds_off:
        report.notes.append(
            f"{report.bounds_off} bounds differ in their last digits, by less than {BOUND_TOLERANCE:g} of them"
        )


def _key(record: Record) -> Key:
    return leaderboard.group_name(record), int(record["episode"] or 0)


def _compare(published: Record | None, again: Record, report: Report) -> None:
    where = f"{_key(again)[0]}, episode {again['episode']}"
    if published is None:
        report.differences.append(f"{EPISODES}: {where}: is missing")
        return
    bound, now = float(published.get("bound_cost") or 0.0), float(again["bound_cost"] or 0.0)
    close = bound != now and abs(bound - now) <= BOUND_TOLERANCE * abs(now)
    report.bounds_off += close
    tolerated = {"bound_cost": BOUND_TOLERANCE, "score": SCORE_TOLERANCE} if close else {}
    found = [
        difference
        for key in dict.fromkeys([*published, *again])
        if key not in (*UNTIMED, BEST_KNOWN_COST)
        for difference in differing(published.get(key), again.get(key), tolerated.get(key, 0.0), key)
    ]
    report.differences += [f"{EPISODES}: {where}: {difference}" for difference in _few(found)]


def _few(found: Sequence[str]) -> list[str]:
    more = len(found) - MOST_SHOWN
    return [*found[:MOST_SHOWN], *([f"and {more} more"] if more > 0 else [])]
