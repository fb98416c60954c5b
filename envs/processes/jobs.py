"""Deferrable jobs: inhomogeneous Poisson arrivals a region, by its own clock, with heavy-tailed sizes.

A class's `jobs_per_day` is the mean over a whole week; hours of the day and weekends only share it out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from wattward.configs.scenario_schema import JobClass, LogNormal, Scenario
from wattward.envs.processes.calendar import DAY_MINUTES, clock, step_minutes
from wattward.envs.types import Floats, Ints


class Jobs(NamedTuple):
    """One episode's jobs in order of arrival; letters as in `wattward.envs.types`."""

    arrival_step: Ints  # (J,) ascending
    deadline_step: Ints  # (J,)
    origin: Ints  # (J,)
    job_class: Ints  # (J,)
    gpus: Floats  # (J,)
    work_gpu_h: Floats  # (J,)
    estimate_gpu_h: Floats  # (J,)
    data_gb: Floats  # (J,) [GB]


def draw_jobs(scenario: Scenario, start_minute: int, rng: np.random.Generator) -> Jobs:
    """The jobs of one episode.

    Arrivals go on to the end of the episode, but a job that could not be finished by then even if it ran from its
    arrival on all its GPUs is left out: no policy could do it. Deadlines may lie beyond the end.

    Args:
        scenario: its classes, rates and clocks.
        start_minute: Beijing time of step 0 [minutes since 1970-01-01 00:00 Beijing].
        rng: the only source of randomness.
    """
    parts = [
        _draw_class(scenario, c, r, start_minute, child)
        for (c, r), child in zip(
            [(c, r) for c in range(len(scenario.job_classes)) for r in range(scenario.n_regions)],
            rng.spawn(len(scenario.job_classes) * scenario.n_regions),
            strict=True,
        )
    ]
    jobs = Jobs._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(jobs.arrival_step, kind="stable")
    return Jobs._make(column[order] for column in jobs)


def _draw_class(scenario: Scenario, c: int, r: int, start_minute: int, rng: np.random.Generator) -> Jobs:
    job_class, region = scenario.job_classes[c], scenario.regions[r]
    local_start = start_minute + round(region.clock_offset_h * 60)
    rate = arrival_rate_per_step(job_class, r, local_start, scenario.n_steps, scenario.step_minutes)
    arrival = np.repeat(np.arange(scenario.n_steps), rng.poisson(rate))
    n = len(arrival)
    z = rng.standard_normal((5, n))
    gpus = gpus_of(job_class, z[0], gpu_limit(scenario, c, r))
    run_h = _quantity(job_class.run_h, z[1])
    slack_h = _quantity(job_class.slack_h, z[2])
    deadline = arrival + np.ceil((run_h + slack_h) / scenario.step_h).astype(np.int64)
    feasible = arrival + run_h / scenario.step_h <= scenario.n_steps
    work = gpus * run_h
    jobs = Jobs(
        arrival_step=arrival.astype(np.int64),
        deadline_step=deadline,
        origin=np.full(n, r, dtype=np.int64),
        job_class=np.full(n, c, dtype=np.int64),
        gpus=gpus,
        work_gpu_h=work,
        estimate_gpu_h=work * np.exp(job_class.estimate_sigma * z[4]),
        data_gb=_quantity(job_class.data_gb, z[3]),
    )
    return Jobs._make(column[feasible] for column in jobs)


def arrival_rate_per_step(job_class: JobClass, r: int, local_start: int, n: int, step: int) -> Floats:
    """Expected arrivals of a class in region `r` at each of `n` steps of `step` minutes.

    `local_start` is the first step's start by the region's own clock [minutes].
    """
    when = clock(step_minutes(local_start, n, step))
    shape = np.asarray(job_class.shape_by_hour)
    mean = shape.mean()
    by_hour = shape / mean if mean > 0 else np.zeros(24)
    daily = job_class.jobs_per_day[r] * week_factors(job_class.weekend_factor)[when.weekday]
    return np.asarray(daily * by_hour[when.hour.astype(np.int64)] * (step / DAY_MINUTES))


def week_factors(weekend_factor: float) -> Floats:
    """Factors by day of the week, shape (7,), whose mean is 1."""
    factors = np.array([1.0] * 5 + [weekend_factor] * 2)
    return factors / factors.mean()


def gpu_limit(scenario: Scenario, c: int, r: int) -> float:
    """Most GPUs that a job of class `c` may ask for in region `r`, and everywhere it may move to.

    A gang must fit into every region's fleet, one that cannot be preempted also beside the GPUs reserved for requests.
    """
    job_class = scenario.job_classes[c]
    fleets = [region.fleet for region in scenario.regions]
    if job_class.divisible:
        return fleets[r].gpus
    if job_class.preemptible:
        return min(fleet.gpus for fleet in fleets)
    return min(fleet.gpus - fleet.reserved_for_interactive_gpus for fleet in fleets)


def gpus_of(job_class: JobClass, z: Floats, limit: float) -> Floats:
    """GPUs from standard normals: whole numbers for divisible classes, powers of two for gangs, never above `limit`."""
    raw = _quantity(job_class.gpus, z)
    if job_class.divisible:
        return np.clip(np.round(raw), 1.0, math.floor(limit))
    low, high = job_class.gpus.low, min(job_class.gpus.high, limit)
    power = np.clip(np.round(np.log2(raw)), math.ceil(math.log2(max(1.0, low))), math.floor(math.log2(max(1.0, high))))
    return np.asarray(2.0**power)


def mean_work_gpu_h(scenario: Scenario, c: int, r: int, points: int = 400) -> float:
    """Expected work of a job of class `c` from region `r` [GPU-h], by the mid-quantile rule."""
    from scipy.special import ndtri

    job_class = scenario.job_classes[c]
    z = np.asarray(ndtri((np.arange(points) + 0.5) / points))
    gpus = gpus_of(job_class, z, gpu_limit(scenario, c, r))
    return float(gpus.mean() * _quantity(job_class.run_h, z).mean())


def _quantity(law: LogNormal, z: Floats) -> Floats:
    return np.clip(law.median * np.exp(law.sigma * z), law.low, law.high)
