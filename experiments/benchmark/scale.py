"""Measures how the time of a step of one environment grows with the number of regions and of jobs present."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wattward.configs.generate.scale import Size
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.experiments.benchmark.timing import (
    NOTHING,
    Effort,
    Measured,
    Meter,
    clocked,
    exponent,
    interleaved,
    spread,
)

FILLING_STEPS = 64
"""Number of steps from an empty world until as many jobs arrive as finish."""
TIMED_STEPS = 16
BLOCK_SHARE = 0.5
"""Share of the usual length of a block. Blocks are shorter because there are many worlds."""


class World:
    """A generated world full of jobs. The same steps from the same state are timed repeatedly.

    Attributes:
        size: number of regions, and number of jobs according to its name.
        active_jobs: jobs present before each timed step, on average.
    """

    def __init__(self, size: Size, block_s: float) -> None:
        """Fills the world with jobs while all work runs on arrival."""
        self.size, self._block_s = size, block_s
        self._env = ClusterEnv(size.name)
        self._env.reset(options={"episode": 0})
        run = np.full(size.regions, int(Mode.RUN))
        for _ in range(FILLING_STEPS):
            self._env.step(run)
        self._full = self._env.save()
        self._modes = np.random.default_rng(0).integers(0, len(Mode), (TIMED_STEPS, size.regions))
        self.active_jobs = self._count()

    def us_per_step(self) -> float:
        """Mean microseconds of a step with random modes, measured over about one block."""
        total = NOTHING
        while total.wall_s < self._block_s:
            self._env.restore(self._full)
            total = total.plus(clocked(self._walk))
        return 1e6 * total.wall_s / total.steps

    def _walk(self) -> int:
        for modes in self._modes:
            self._env.step(modes)
        return len(self._modes)

    def _count(self) -> float:
        present = []
        for modes in self._modes:
            present.append(int(self._env.state.n_active[0]))
            self._env.step(modes)
        return float(np.mean(present))


def scale(effort: Effort, meter: Meter) -> Measured:
    """Measures microseconds per step with random modes in generated scenarios, and fits exponents of growth."""
    by_regions = [Size(regions, regions * effort.jobs_per_region) for regions in effort.regions]
    by_jobs = [Size(effort.job_regions, jobs) for jobs in effort.jobs]
    sizes = sorted({*by_regions, *by_jobs})
    worlds = {
        size.name: World(size, BLOCK_SHARE * effort.block_s) for size in meter.each(sizes, "scale: drawing worlds")
    }
    done = interleaved({name: w.us_per_step for name, w in worlds.items()}, effort.repeats, meter, "scale: steps")
    regions, jobs = ([_point(worlds[size.name], done) for size in some] for some in (by_regions, by_jobs))
    return {
        "regions": regions,
        "jobs": jobs,
        **_exponents("exponent_regions", regions, "regions", done),
        **_exponents("exponent_jobs", jobs, "active_jobs", done),
    }


def _point(world: World, done: dict[str, list[float]]) -> Measured:
    return {
        "scenario": world.size.name,
        "regions": world.size.regions,
        "active_jobs": world.active_jobs,
        **spread("us_per_step", done[world.size.name]),
    }


def _exponents(key: str, points: Sequence[Measured], against: str, done: dict[str, list[float]]) -> Measured:
    """Exponents: of the medians, the range over single rounds, and of the two largest sizes alone."""
    sizes = [point[against] for point in points]
    medians = [point["us_per_step"] for point in points]
    rounds = zip(*(done[point["scenario"]] for point in points), strict=True)
    return {
        **spread(key, [exponent(sizes, costs) for costs in rounds]),
        key: exponent(sizes, medians),
        f"{key}_of_largest": exponent(sizes[-2:], medians[-2:]),
    }
