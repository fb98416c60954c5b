"""Runs a grid of cells in local processes; a cell that is done is never done again."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from wattward.experiments.entrants import Entrant
from wattward.experiments.evaluate import Worlds, evaluate, references
from wattward.experiments.records import Record, digest, read_json, write_json

Item = TypeVar("Item")
Result = TypeVar("Result")
INTERRUPTED = 130
"""Exit code of a process that Ctrl-C ended."""


@dataclass(frozen=True)
class Cell:
    """The smallest piece of an experiment: one entrant on a block of episodes."""

    who: Entrant
    worlds: Worlds
    first: int
    after_last: int
    seed: int = 0

    @property
    def episodes(self) -> range:
        """Indices of its episodes."""
        return range(self.first, self.after_last)

    def name(self) -> str:
        """Names everything that determines its records."""
        who = (self.who.name, self.who.train_seed, self.who.content)
        return digest(who, self.worlds.name(), self.first, self.after_last, self.seed)


def blocks(n_episodes: int, per_cell: int) -> list[tuple[int, int]]:
    """Episodes 0..n-1 cut into [first, after the last) pairs."""
    return [(first, min(first + per_cell, n_episodes)) for first in range(0, n_episodes, per_cell)]


def run_cells(cells: Sequence[Cell], cache_dir: Path, *, jobs: int = 2, progress: bool = True) -> list[Record]:
    """Records of all cells, in the order of the cells.

    Each cell is kept under its name as soon as it is done, so an interrupted run goes on where it stopped.

    Args:
        cells: what to run.
        cache_dir: where finished cells and the references of episodes are kept.
        jobs: processes.
        progress: whether to show a bar with the time that remains.
    """
    names = {cell: cell.name() for cell in cells}
    kept = {cell: read_json(_path(cache_dir, name)) for cell, name in names.items()}
    todo = [cell for cell in cells if kept[cell] is None]
    floors = sorted({(cell.worlds, episode) for cell in todo for episode in cell.episodes}, key=str)
    drain(_Reference(cache_dir), floors, jobs, progress, "floor and bound")
    drain(_Run(cache_dir), [(cell, names[cell]) for cell in todo], jobs, progress, "entrants")
    done = {cell: kept[cell] or read_json(_path(cache_dir, names[cell])) or [] for cell in cells}
    return [record for cell in cells for record in done[cell]]


@dataclass(frozen=True)
class _Reference:
    cache_dir: Path

    def __call__(self, item: tuple[Worlds, int]) -> None:
        references(*item, self.cache_dir)


@dataclass(frozen=True)
class _Run:
    cache_dir: Path

    def __call__(self, item: tuple[Cell, str]) -> None:
        cell, name = item
        records = evaluate(cell.who, cell.worlds, cell.episodes, self.cache_dir, seed=cell.seed)
        write_json(_path(self.cache_dir, name), records)


def _path(cache_dir: Path, name: str) -> Path:
    return cache_dir / "cells" / f"{name}.json"


def drain(work: Callable[[Item], None], items: Sequence[Item], jobs: int, progress: bool, title: str) -> None:
    """Does all the work in some processes, with a bar and the time that remains if there is any."""
    results = _spread(work, items, jobs)
    for _ in _tracked(results, len(items), title) if progress and items else results:
        pass


def _spread(work: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    if jobs == 1 or len(items) < 2:
        yield from map(work, items)
        return
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=min(jobs, len(items)), return_as="generator_unordered", batch_size=1, pre_dispatch="all")
    with _children_deaf_to_interrupts():
        results = pool(delayed(_Quietly(work))(item) for item in items)
    yield from results


@contextmanager
def _children_deaf_to_interrupts() -> Iterator[None]:
    """Processes started in the block ignore Ctrl-C until their first task, so that none dies of it while starting."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class _Quietly(Generic[Item, Result]):
    """Work in a process of its own, which Ctrl-C ends with its files tidied and without a traceback."""

    work: Callable[[Item], Result]

    def __call__(self, item: Item) -> Result:
        signal.signal(signal.SIGINT, lambda *_: sys.exit(INTERRUPTED))
        return self.work(item)


def _tracked(results: Iterable[Result], total: int, title: str) -> Iterator[Result]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(f"{title:<15}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(results, total=total)
