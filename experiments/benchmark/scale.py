"""What a step of one environment costs against the number of regions and of jobs present."""

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
"""Steps from an empty world until as many jobs come as go."""
TIMED_STEPS = 16
BLOCK_SHARE = 0.5
"""Of the usual block: there are many worlds."""


class World:
    """A generated world full of jobs, and the same steps through it over and over.

    Attributes:
        size: its regions, and the jobs that its name promises.
        active_jobs: jobs present before each timed step, on average.
    """

    def __init__(self, size: Size, block_s: float) -> None:
        """Fills the world with all work running on arrival."""
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
        """Microseconds of a step with random modes, over about a block."""
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
    """Microseconds per step with random modes in generated scenarios, and the exponents that fit them."""
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
    """The exponent that fits the medians, the range of each round's own, and that between the two largest alone."""
    sizes = [point[against] for point in points]
    medians = [point["us_per_step"] for point in points]
    rounds = zip(*(done[point["scenario"]] for point in points), strict=True)
    return {
        **spread(key, [exponent(sizes, costs) for costs in rounds]),
        key: exponent(sizes, medians),
        f"{key}_of_largest": exponent(sizes[-2:], medians[-2:]),
    }
