"""How things are timed: blocks that take turns, medians with their range, and the exponent of a cost against a size."""

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
"""A section's figures: `key` is a median, `key_range` the least and the greatest value beside it."""


@dataclass(frozen=True)
class Effort:
    """How much is measured. Blocks of `block_s` seconds take turns `repeats` times."""

    env_id: str = "wattward/ZhejiangXinjiang-v0"
    repeats: int = 7
    block_s: float = 0.4
    num_envs: int = 256
    bank: int = 256
    """Episodes drawn ahead and shared."""
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
    """Fresh processes started for each figure of `start`."""


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
"""Shows that everything runs; its figures are noise."""


class Sample(NamedTuple):
    """What one block did, and what it took."""

    steps: int
    wall_s: float
    cpu_s: float
    """Of every thread of this process."""

    @property
    def per_s(self) -> float:
        """Steps per second of wall clock."""
        return self.steps / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        """Steps per second of processor time; of wall clock where the processor's clock did not tick."""
        return self.steps / (self.cpu_s or self.wall_s)

    def plus(self, other: Sample) -> Sample:
        """Both blocks as one."""
        return Sample(self.steps + other.steps, self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)


NOTHING = Sample(0, 0.0, 0.0)


def clocked(work: Callable[[], int]) -> Sample:
    """Does the work, which returns how many steps it was."""
    wall, cpu = time.perf_counter(), time.process_time()
    steps = work()
    return Sample(steps, time.perf_counter() - wall, time.process_time() - cpu)


class Meter:
    """A bar that shows what is being measured; silent without a display.

    It is redrawn between blocks only, as a thread that redraws it would be timed with them.
    """

    def __init__(self, bar: Progress | None = None) -> None:
        self._bar = bar

    def each(self, items: Sequence[Item], title: str) -> Iterator[Item]:
        """The items, one after the other."""
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
    """What each block returned, in `repeats` rounds in which all take their turn.

    A first round is thrown away. Every round begins with another block: none always follows a slow one.
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
    """Quotients round by round, so that a machine that is slow for a while slows both."""
    return [a / b for a, b in zip(over, under, strict=True)]


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """K of cost = c x size**k, by least squares of log cost on log size."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
