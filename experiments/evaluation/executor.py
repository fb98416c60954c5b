"""Runs a grid of cells, in local processes or on a Ray cluster; a cell that is done is never done again.

Whoever runs the work, its results come back to this process and are written here, each whole or not at all. So a run
that is killed loses the cells that were running and nothing else, and no other machine needs this one's disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from wattward.configs.schema.base import ConfigError
from wattward.experiments.common.records import Record, code_digest, digest, read_json, write_json
from wattward.experiments.evaluation import shipping as freight
from wattward.experiments.evaluation.evaluate import (
    References,
    Worlds,
    compute_references,
    play,
    read_references,
    references_path,
)
from wattward.experiments.evaluation.methods import Method

Item = TypeVar("Item")
Result = TypeVar("Result")
Executor = Literal["local", "ray"]
STALE_S = 3600.0
"""A temporary file is written in milliseconds; one as old as this was left by a run that was killed."""


@dataclass(frozen=True)
class Cell:
    """The smallest piece of an experiment: one method on a block of episodes."""

    who: Method
    worlds: Worlds
    first: int
    after_last: int
    seed: int = 0

    @property
    def episodes(self) -> range:
        """Indices of its episodes."""
        return range(self.first, self.after_last)

    def name(self, worlds_name: str | None = None) -> str:
        """Names everything that determines its records; `worlds_name` is that of its worlds, where it is known."""
        who = (self.who.name, self.who.train_seed, self.who.content, code_digest() if self.who.learned else "")
        return digest(who, worlds_name or self.worlds.name(), self.first, self.after_last, self.seed)


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


def blocks(n_episodes: int, per_cell: int) -> list[tuple[int, int]]:
    """Episodes 0..n-1 cut into [first, after the last) pairs."""
    return [(first, min(first + per_cell, n_episodes)) for first in range(0, n_episodes, per_cell)]


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
    return play(freight.at_hand(cell.who), cell.worlds, cell.episodes, task.against, seed=cell.seed)


def _needs_of_task(task: _Task) -> tuple[freight.Shipment, ...]:
    return freight.shipments(task.cell.who, task.cell.worlds)


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


def _needs_of_episode(item: _Episode) -> tuple[freight.Shipment, ...]:
    return (freight.WorldsShipment(item[0]),)


def _needs_nothing(_: object) -> tuple[freight.Shipment, ...]:
    return ()


def drain(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    keep: Callable[[Item, Result], None],
    means: Means,
    title: str,
    *,
    done: int = 0,
    needs: Callable[[Item], tuple[freight.Shipment, ...]] = _needs_nothing,
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
    needs: Callable[[Item], tuple[freight.Shipment, ...]],
) -> Generator[tuple[int, Result], None, None]:
    if means.executor == "ray":
        from wattward.experiments.evaluation import ray_executor as ray_cluster

        return ray_cluster.spread(work, items, needs)
    from wattward.experiments.evaluation import local_executor as local_processes

    return local_processes.spread(work, items, means.jobs)


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
