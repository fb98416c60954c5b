"""Runs a grid of cells, in local processes or on a Ray cluster; a cell that is done is never done again.

Whoever runs the work, its results come back to this process and are written here, each whole or not at all. So a run
that is killed loses the cells that were running and nothing else, and no other machine needs this one's disk.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from wattward.configs.files import read_json, write_json
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.experiments.common.records import Record
from wattward.experiments.evaluation.cells import Cell
from wattward.experiments.evaluation.methods import Method
from wattward.experiments.evaluation.playing import (
    References,
    compute_references,
    play,
    read_references,
    references_path,
)
from wattward.experiments.evaluation.ray_executor import Shipment
from wattward.experiments.evaluation.worlds import Worlds, give_worlds, recorded

_AT_HAND: dict[str, Path] = {}
"""Checkpoints that were sent to this process, by their content."""
Item = TypeVar("Item")
Result = TypeVar("Result")
Executor = Literal["local", "ray"]
STALE_S = 3600.0
"""A temporary file is written in milliseconds; one as old as this was left by a run that was killed."""


@dataclass(frozen=True)
class Means:
    """Where and how wide a grid is run."""

    executor: Executor = "local"
    jobs: int = 2
    progress: bool = True

    def __post_init__(self) -> None:
        """Refuses what is no executor.

        Raises:
            ConfigError: it is none.
        """
        if self.executor not in get_args(Executor):
            raise ConfigError(f"--executor {self.executor!r}: must be one of {', '.join(get_args(Executor))}")


def run_cells(
    cells: Sequence[Cell], cache_dir: Path, *, jobs: int = 2, progress: bool = True, executor: Executor = "local"
) -> list[Record]:
    """Records of all cells, in the order of the cells.

    Each cell is kept under its name as soon as it is done, so an interrupted run goes on where it stopped.

    Args:
        cells: what to run.
        cache_dir: where finished cells and the references of episodes are kept.
        jobs: local processes; a Ray cluster has its own width.
        progress: whether to show a bar with the time that remains.
        executor: "local" or "ray".

    Raises:
        ConfigError: there is no such executor, or it cannot be used.
    """
    means = Means(executor, jobs, progress)
    _sweep(cache_dir)
    worlds_names = {worlds: worlds.name() for worlds in dict.fromkeys(cell.worlds for cell in cells)}
    paths = {cell: cache_dir / "cells" / f"{cell.name(worlds_names[cell.worlds])}.json" for cell in cells}
    done = {cell: records for cell, path in paths.items() if (records := read_json(path)) is not None}
    todo = [cell for cell in paths if cell not in done]
    against = _references(todo, worlds_names, cache_dir, means)
    tasks = [_Task(cell, tuple(against[cell.worlds, episode] for episode in cell.episodes)) for cell in todo]

    def keep(task: _Task, records: list[Record]) -> None:
        write_json(paths[task.cell], records)
        done[task.cell] = read_json(paths[task.cell])

    drain(_play, tasks, keep, means, "methods", done=len(done), needs=_needs_of_task)
    return [record for cell in cells for record in done[cell]]


@dataclass(frozen=True)
class _Task:
    """A cell with the floor and ceiling of each of its episodes."""

    cell: Cell
    against: tuple[References, ...]


def _play(task: _Task) -> list[Record]:
    cell = task.cell
    return play(at_hand(cell.who), cell.worlds, cell.episodes, task.against, seed=cell.seed)


def _needs_of_task(task: _Task) -> tuple[Shipment, ...]:
    return shipments(task.cell.who, task.cell.worlds)


_Episode = tuple[Worlds, int]


def _references(
    cells: Sequence[Cell], worlds_names: dict[Worlds, str], cache_dir: Path, means: Means
) -> dict[_Episode, References]:
    """Floor and ceiling of every episode of these cells; those not yet known are computed first."""
    episodes = dict.fromkeys((cell.worlds, episode) for cell in cells for episode in cell.episodes)
    paths = {item: references_path(worlds_names[item[0]], item[1], cache_dir) for item in episodes}
    known = {item: kept for item, path in paths.items() if (kept := read_references(path)) is not None}

    def keep(item: _Episode, found: References) -> None:
        write_json(paths[item], asdict(found))
        known[item] = found

    todo = [item for item in paths if item not in known]
    drain(_compute, todo, keep, means, "floor and bound", done=len(known), needs=_needs_of_episode)
    return known


def _compute(item: _Episode) -> References:
    return compute_references(*item)


def _needs_of_episode(item: _Episode) -> tuple[Shipment, ...]:
    return (WorldsShipment(item[0]),)


def _needs_nothing(_: object) -> tuple[Shipment, ...]:
    return ()


def drain(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    keep: Callable[[Item, Result], None],
    means: Means,
    title: str,
    *,
    done: int = 0,
    needs: Callable[[Item], tuple[Shipment, ...]] = _needs_nothing,
) -> None:
    """Does all the work, with a bar and the time that remains if there is any; every result is kept as it comes.

    Args:
        work: a function of a module, that writes nothing.
        items: what to work on.
        keep: is called in this process with an item and its result.
        means: where and how wide.
        title: what the bar is called.
        done: how many more items there were, done in an earlier run.
        needs: what another machine must be sent before it works on an item.
    """
    if not items:
        return
    with closing(_spread(work, items, means, needs)) as results:
        for index, result in _tracked(results, len(items), done, title) if means.progress else results:
            keep(items[index], result)


def _spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    means: Means,
    needs: Callable[[Item], tuple[Shipment, ...]],
) -> Generator[tuple[int, Result], None, None]:
    if means.executor == "ray":
        from wattward.experiments.evaluation import ray_executor as ray_cluster

        return ray_cluster.spread(work, items, needs)
    from wattward.experiments.evaluation import local_executor as local_processes

    return local_processes.spread(work, items, means.jobs)


@dataclass(frozen=True)
class WorldsShipment:
    """The resolved scenario and the recording behind some worlds."""

    worlds: Worlds

    def pack(self) -> PackedWorlds:
        """Loads both."""
        scenario, recording = self.worlds.scenario, self.worlds.recording
        played = recorded(recording, scenario) if recording else None
        return PackedWorlds(self.worlds, load_scenario(scenario), played)


@dataclass(frozen=True)
class PackedWorlds:
    """Worlds with all that they are made of."""

    worlds: Worlds
    scenario: Scenario
    recording: Any

    def unpack(self) -> None:
        """Lends both to this process."""
        give_worlds(self.worlds, self.scenario, self.recording)


@dataclass(frozen=True)
class CheckpointShipment:
    """The file or the folder's files behind a method."""

    content: str
    path: Path

    def pack(self) -> PackedCheckpoint:
        """Reads them."""
        if self.path.is_dir():
            files = {path.name: path.read_bytes() for path in sorted(self.path.iterdir()) if path.is_file()}
            return PackedCheckpoint(self.content, None, files)
        return PackedCheckpoint(self.content, self.path.name, {self.path.name: self.path.read_bytes()})


@dataclass(frozen=True)
class PackedCheckpoint:
    """Files by name, and which of them is the checkpoint where it is not all of them."""

    content: str
    file: str | None
    files: dict[str, bytes]

    def unpack(self) -> None:
        """Writes them into a folder that this process deletes when it ends."""
        if self.content in _AT_HAND:
            return
        folder = Path(_store().name, self.content)
        folder.mkdir()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        _AT_HAND[self.content] = folder / self.file if self.file else folder


def shipments(who: Method, worlds: Worlds) -> tuple[Shipment, ...]:
    """All that a cell of these needs."""
    checkpoint = () if who.path is None else (CheckpointShipment(who.content, who.path),)
    return (WorldsShipment(worlds), *checkpoint)


def at_hand(who: Method) -> Method:
    """The method, its path the one of the files that were sent, if any were."""
    return replace(who, path=_AT_HAND[who.content]) if who.content in _AT_HAND else who


@cache
def _store() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="wattward-checkpoints-")


def _sweep(cache_dir: Path) -> None:
    """Deletes what runs that were killed left half-written."""
    for path in cache_dir.glob("*/.*.json"):
        try:
            if time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()
        except FileNotFoundError:
            continue


def _tracked(results: Iterable[Result], todo: int, done: int, title: str) -> Iterator[Result]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(f"{title:<15}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(results, total=todo + done, completed=done)
