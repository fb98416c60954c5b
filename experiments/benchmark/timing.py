"""Timing: blocks in turn, medians with their range, and the exponent of a cost as a function of size."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")
Measured = dict[str, Any]
"""Figures of a section: `key` is a median, `key_range` the least and the greatest value."""


@dataclass(frozen=True)
class Effort:
    """Amount of measurement. Blocks of `block_s` seconds take turns, `repeats` times each."""

    env_id: str = "wattward/ZhejiangXinjiang-v1"
    repeats: int = 7
    block_s: float = 0.4
    num_envs: int = 256
    bank: int = 256
    """Number of episodes that are drawn in advance and shared."""
    drawn_episodes: int = 60
    held_envs: int = 4096
    held_bank: int = 512
    regions: tuple[int, ...] = (2, 8, 64, 1000)
    jobs_per_region: int = 50
    jobs: tuple[int, ...] = (100, 1_000, 10_000, 50_000)
    job_regions: int = 8
    training_repeats: int = 3
    ppo_frames: int = 40_000
    dqn_frames: int = 10_000
    processes: int = 5
    """Number of fresh processes for each figure of `start`."""


QUICK = Effort(
    repeats=2,
    block_s=0.05,
    num_envs=16,
    bank=16,
    drawn_episodes=4,
    held_envs=64,
    held_bank=16,
    regions=(2, 8),
    jobs=(100, 1_000),
    training_repeats=1,
    ppo_frames=1_000,
    dqn_frames=500,
    processes=1,
)
"""A short run that shows that everything works. Its figures mean nothing."""


class Sample(NamedTuple):
    """Steps of one block, and the time they took."""

    steps: int
    wall_s: float
    cpu_s: float
    """Processor time of all threads of this process."""

    @property
    def per_s(self) -> float:
        """Steps per second of wall clock."""
        return self.steps / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        """Steps per second of processor time; of wall clock if the processor's clock did not advance."""
        return self.steps / (self.cpu_s or self.wall_s)

    def plus(self, other: Sample) -> Sample:
        """The sum of both blocks."""
        return Sample(self.steps + other.steps, self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)


NOTHING = Sample(0, 0.0, 0.0)


def clocked(work: Callable[[], int]) -> Sample:
    """Times work that returns its number of steps."""
    wall, cpu = time.perf_counter(), time.process_time()
    steps = work()
    return Sample(steps, time.perf_counter() - wall, time.process_time() - cpu)


class Meter:
    """A progress bar that shows what is being measured. Without a bar it shows nothing.

    It is redrawn only between blocks, because the time of a redrawing thread would count for the blocks.
    """

    def __init__(self, bar: Progress | None = None) -> None:
        self._bar = bar

    def each(self, items: Sequence[Item], title: str) -> Iterator[Item]:
        """Yields the items and advances the bar."""
        if self._bar is None:
            yield from items
            return
        task = self._bar.add_task(title, total=len(items))
        for item in items:
            self._bar.refresh()
            yield item
            self._bar.advance(task)
        self._bar.remove_task(task)


@contextmanager
def metered(show: bool) -> Iterator[Meter]:
    """A meter on standard error, or a silent one."""
    if not show:
        yield Meter()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        yield Meter(bar)


def interleaved(
    blocks: Mapping[str, Callable[[], Item]], repeats: int, meter: Meter, title: str
) -> dict[str, list[Item]]:
    """Runs all blocks in turn for `repeats` rounds and returns the results of each block.

    A first round is discarded. Every round begins with another block, so no block always follows the same slow one.
    """
    names = list(blocks)
    done: dict[str, list[Item]] = {name: [] for name in names}
    for turn in meter.each(range(-1, repeats), title):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            result = blocks[name]()
            if turn >= 0:
                done[name].append(result)
    return done


def spread(key: str, values: Sequence[float]) -> Measured:
    """The median under `key` and [least, greatest] under `key_range`."""
    return {key: float(median(values)), f"{key}_range": [float(min(values)), float(max(values))]}


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Quotients for each round, so a temporary slowdown of the machine affects both values."""
    return [a / b for a, b in zip(over, under, strict=True)]


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Exponent k of cost = c x size**k, by least squares of log cost on log size."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
