"""Runs a grid of cells in local processes or on a Ray cluster; finished cells are not run again.

All results return to this process, which writes each of them completely or not at all. A killed run therefore loses
only the cells that were running, and other machines do not need access to this machine's disk.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from wattward.configs.digests import digest
from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.experiments.common.finished_work import read_finished, write_finished
from wattward.experiments.common.records import BEST_KNOWN_COST, FAILURE, Record
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
from wattward.experiments.evaluation.scores import refuse_impossible
from wattward.experiments.evaluation.worlds import Worlds, give_worlds, recorded

_AT_HAND: dict[str, Path] = {}
"""Paths of checkpoints that were sent to this process, by the hash of their content."""
Item = TypeVar("Item")
Result = TypeVar("Result")
Executor = Literal["local", "ray"]
STALE_S = 3600.0
"""Age [s] above which a temporary file is left over from a killed run; writing one takes only milliseconds."""


@dataclass(frozen=True)
class Means:
    """Where a grid is run, and with how many processes."""

    executor: Executor = "local"
    jobs: int = 2
    progress: bool = True

    def __post_init__(self) -> None:
        """Checks the name of the executor.

        Raises:
            ConfigError: there is no such executor.
        """
        if self.executor not in get_args(Executor):
            raise ConfigError(f"--executor {self.executor!r}: must be one of {', '.join(get_args(Executor))}")


def run_cells(
    cells: Sequence[Cell],
    cache_dir: Path,
    *,
    jobs: int = 2,
    progress: bool = True,
    executor: Executor = "local",
    best_known: BestKnown | None = None,
) -> list[Record]:
    """Returns the records of all cells, in the order of the cells.

    Each cell is stored under its name as soon as it is finished, so an interrupted run continues where it stopped. A
    cell in which the method failed is not stored, so the next run tries it again.

    Args:
        cells: The cells to run.
        cache_dir: Folder of finished cells and of the references of episodes.
        jobs: Number of local processes; a Ray cluster determines its own number.
        progress: Whether to show a progress bar with the remaining time.
        executor: Either "local" or "ray".
        best_known: Computes the cost of the best known schedule of an episode, which every record of the episode then
            has as `best_known_cost`. The costs are stored like the references of episodes.

    Raises:
        ConfigError: there is no such executor, it cannot be used, or an episode has an impossible cost or score.
    """
    means = Means(executor, jobs, progress)
    _sweep(cache_dir)
    worlds_names = {worlds: worlds.name() for worlds in dict.fromkeys(cell.worlds for cell in cells)}
    done = _played(cells, worlds_names, cache_dir, means)
    records = [record for cell in cells for record in done[cell]]
    if best_known is not None:
        known = _best_known_costs(cells, worlds_names, cache_dir, means, best_known)
        costs = [known[cell.worlds, episode] for cell in cells for episode in cell.episodes]
        records = [record | {BEST_KNOWN_COST: cost} for record, cost in zip(records, costs, strict=True)]
    for record in records:
        refuse_impossible(record)
    return records


def _played(
    cells: Sequence[Cell], worlds_names: dict[Worlds, str], cache_dir: Path, means: Means
) -> dict[Cell, list[Record]]:
    """Returns the records of each cell; those that are not stored yet are played first."""
    paths = {cell: cache_dir / "cells" / f"{cell.name(worlds_names[cell.worlds])}.json" for cell in cells}
    stored = {cell: _read(cell, path) for cell, path in paths.items()}
    done: dict[Cell, list[Record]] = {cell: records for cell, records in stored.items() if records is not None}
    todo = [cell for cell in paths if cell not in done]
    against = _references(todo, worlds_names, cache_dir, means)
    tasks = [_Task(cell, tuple(against[cell.worlds, episode] for episode in cell.episodes)) for cell in todo]

    def keep(task: _Task, records: list[Record]) -> None:
        done[task.cell] = records
        if not any(FAILURE in record for record in records):
            write_finished(paths[task.cell], records)

    drain(_play, tasks, keep, means, "methods", done=len(done), needs=_needs_of_task)
    return done


def _read(cell: Cell, path: Path) -> list[Record] | None:
    """The stored records of a cell; None if there is no list with one record for each of its episodes."""
    records = read_finished(path)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return None
    same = [record.get("episode") for record in records] == list(cell.episodes)
    return records if same and all(record.get("method") == cell.who.name for record in records) else None


@dataclass(frozen=True)
class _Task:
    """A cell, and the floor and ceiling of each of its episodes."""

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
    """Returns the floor and ceiling of every episode of these cells; missing ones are computed first."""
    episodes = dict.fromkeys((cell.worlds, episode) for cell in cells for episode in cell.episodes)
    paths = {item: references_path(worlds_names[item[0]], item[1], cache_dir) for item in episodes}
    known = {item: kept for item, path in paths.items() if (kept := read_references(path)) is not None}

    def keep(item: _Episode, found: References) -> None:
        write_finished(paths[item], asdict(found))
        known[item] = found

    todo = [item for item in paths if item not in known]
    drain(_compute, todo, keep, means, "floor and bound", done=len(known), needs=_needs_of_episode)
    return known


BestKnown = Callable[[Worlds, int], float]
"""Computes the cost of the best known schedule of an episode: a function at module level."""


def _best_known_costs(
    cells: Sequence[Cell], worlds_names: dict[Worlds, str], cache_dir: Path, means: Means, best_known: BestKnown
) -> dict[_Episode, float]:
    """Returns the cost of the best known schedule of every episode of these cells; missing ones are computed first."""
    episodes = dict.fromkeys((cell.worlds, episode) for cell in cells for episode in cell.episodes)
    function = f"{best_known.__module__}.{best_known.__qualname__}"
    paths = {
        (worlds, episode): cache_dir / "best-known" / f"{digest(worlds_names[worlds], episode, function)}.json"
        for worlds, episode in episodes
    }
    stored = {item: read_finished(path) for item, path in paths.items()}
    known = {item: float(cost) for item, cost in stored.items() if isinstance(cost, int | float)}

    def keep(item: _Episode, cost: float) -> None:
        write_finished(paths[item], float(cost))
        known[item] = float(cost)

    todo = [item for item in paths if item not in known]
    work = partial(_compute_best_known, best_known)
    drain(work, todo, keep, means, "best known", done=len(known), needs=_needs_of_episode)
    return known


def _compute_best_known(best_known: BestKnown, item: _Episode) -> float:
    return best_known(*item)


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
    """Processes all items and stores every result as soon as it arrives; shows a progress bar if there is work to do.

    Args:
        work: Function at module level that writes nothing.
        items: The items to process.
        keep: Called in this process with an item and its result.
        means: Where the work runs, and with how many processes.
        title: Title of the progress bar.
        done: Number of items that an earlier run finished; these are not in `items`.
        needs: Returns what must be sent to another machine before it processes an item.
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
    """The resolved scenario and the recording of some worlds."""

    worlds: Worlds

    def pack(self) -> PackedWorlds:
        """Loads the scenario and the recording."""
        scenario, recording = self.worlds.scenario, self.worlds.recording
        played = recorded(recording, scenario) if recording else None
        return PackedWorlds(self.worlds, load_scenario(scenario), played)


@dataclass(frozen=True)
class PackedWorlds:
    """Worlds together with their scenario and recording."""

    worlds: Worlds
    scenario: Scenario
    recording: Any

    def unpack(self) -> None:
        """Registers the scenario and the recording in this process."""
        give_worlds(self.worlds, self.scenario, self.recording)


@dataclass(frozen=True)
class CheckpointShipment:
    """The checkpoint of a method, which is one file or the files of a folder."""

    content: str
    path: Path

    def pack(self) -> PackedCheckpoint:
        """Reads the files."""
        if self.path.is_dir():
            files = {path.name: path.read_bytes() for path in sorted(self.path.iterdir()) if path.is_file()}
            return PackedCheckpoint(self.content, None, files)
        return PackedCheckpoint(self.content, self.path.name, {self.path.name: self.path.read_bytes()})


@dataclass(frozen=True)
class PackedCheckpoint:
    """Files by name; `file` is the checkpoint's file name, or None if all files together are the checkpoint."""

    content: str
    file: str | None
    files: dict[str, bytes]

    def unpack(self) -> None:
        """Writes the files into a temporary folder, which is deleted when this process ends."""
        if self.content in _AT_HAND:
            return
        folder = Path(_store().name, self.content)
        folder.mkdir()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        _AT_HAND[self.content] = folder / self.file if self.file else folder


def shipments(who: Method, worlds: Worlds) -> tuple[Shipment, ...]:
    """Returns everything that a cell with this method and these worlds needs."""
    checkpoint = () if who.path is None else (CheckpointShipment(who.content, who.path),)
    return (WorldsShipment(worlds), *checkpoint)


def at_hand(who: Method) -> Method:
    """Returns the method; if its checkpoint was sent to this process, its path points to the received files."""
    return replace(who, path=_AT_HAND[who.content]) if who.content in _AT_HAND else who


@cache
def _store() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="wattward-checkpoints-")


def _sweep(cache_dir: Path) -> None:
    """Deletes incomplete files that killed runs left behind."""
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
