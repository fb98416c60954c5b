"""Deferrable jobs: Poisson arrivals in each region at a rate by its own clock, and heavy-tailed sizes.

A class's `jobs_per_day` is the mean over a week. The shapes of days and weeks only distribute it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.calendar import DAY_MINUTES, clock, minutes_of_week, place_in_period, week_factors
from wattward.envs.world.processes.streams import generator_of

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import JobClass, LogNormal, Scenario
    from wattward.envs.model.types import Floats, Ints


QUANTITIES, GAPS = 5, 64
"""Normal numbers of a job: GPUs, length, slack, data, error of the estimate. Gaps between arrivals drawn at once."""


class Jobs(NamedTuple):
    """Jobs of one episode in order of arrival. `wattward.envs.model.types` explains the letters of shapes."""

    arrival_step: Ints  # (J,) ascending
    deadline_step: Ints  # (J,)
    origin: Ints  # (J,)
    job_class: Ints  # (J,)
    gpus: Floats  # (J,)
    work_gpu_h: Floats  # (J,)
    estimate_gpu_h: Floats  # (J,)
    data_gb: Floats  # (J,) [GB]


class JobLaw(NamedTuple):
    """Parameters of jobs for each of K pairs of class and region; the regions of a class follow each other."""

    rate_by_step_of_week: Floats  # (K, steps in a week) expected arrivals, by the scenario's clock
    origin: Ints  # (K,)
    job_class: Ints  # (K,)
    quantities: Floats  # (4, 4, K) median, sigma, low, high of GPUs, length, slack, data
    malleable: NDArray[np.bool_]  # (K,)
    least_and_most: Floats  # (2, K) GPUs; for rigid jobs, their logarithms to base two
    estimate_sigma: Floats  # (K,)


@cached_for_owner
def job_law(scenario: Scenario) -> JobLaw:
    """Parameters that all episodes of a scenario share."""
    step, classes, regions = scenario.step_minutes, scenario.job_classes, range(scenario.n_regions)
    pairs = [(c, r) for c in range(len(classes)) for r in regions]
    local = [minutes_of_week(step) + round(region.clock_offset_h * 60) for region in scenario.regions]
    quantities = [[_numbers(law) for law in (job.gpus, job.run_h, job.slack_h, job.data_gb)] for job in classes]
    return JobLaw(
        np.array([_rates(classes[c], r, local[r], step) for c, r in pairs]),
        np.array([r for _, r in pairs]),
        np.array([c for c, _ in pairs]),
        np.array(quantities).T.repeat(len(regions), axis=2),
        np.array([classes[c].malleable for c, _ in pairs]),
        np.array([_gpu_bounds(classes[c], gpu_limit(scenario, c, r)) for c, r in pairs]).T,
        np.array([classes[c].estimate_sigma for c, _ in pairs]),
    )


def draw_jobs(scenario: Scenario, start_minute: int, seed: np.random.SeedSequence) -> Jobs:
    """Draws the jobs of one episode.

    Jobs arrive until the end of the episode. A job that cannot finish by the end, even if it runs from its arrival on
    all its GPUs, is left out, because no policy could finish it. Deadlines may lie beyond the end.

    Args:
        scenario: the scenario.
        start_minute: start of step 0 [minutes since 1970-01-01], a multiple of the step.
        seed: the only source of randomness. Each class and region has its own streams.
    """
    law, n = job_law(scenario), scenario.n_steps
    place = place_in_period(start_minute, n, scenario.step_minutes, 7 * DAY_MINUTES)
    rate = law.rate_by_step_of_week.take(place, axis=1)
    arrivals, normals = [], []
    for k in range(len(rate)):
        arrivals.append(_arrivals(rate[k], generator_of(seed, "jobs", 2 * k)))
        normals.append(generator_of(seed, "jobs", 2 * k + 1).standard_normal((arrivals[k].size, QUANTITIES)).T)
    counts = np.array([steps.size for steps in arrivals])
    return _jobs_of(scenario, counts, np.concatenate(arrivals), np.concatenate(normals, axis=1))


def _arrivals(rate: Floats, rng: np.random.Generator) -> Ints:
    """Steps of the arrivals of a Poisson process, ascending; `rate` is the expected number by step, shape (n,).

    In the time in which one arrival is expected per unit, the gaps between arrivals are exponential.
    """
    due, gaps, when = np.cumsum(rate), np.empty(0), np.zeros(1)
    while when[-1] < due[-1]:
        gaps = np.append(gaps, -np.log1p(-rng.random(GAPS)))
        when = np.cumsum(gaps)
    if not gaps.size:
        return np.empty(0, np.int64)
    return np.searchsorted(due, when[when < due[-1]], side="right").astype(np.int64)


def _jobs_of(scenario: Scenario, counts: Ints, arrival_step: Ints, z: Floats) -> Jobs:
    """Jobs from standard normals (5, J), `counts` (K,) of each pair, in order of arrival; only jobs that can finish."""
    law = job_law(scenario)
    median, sigma, low, high = law.quantities.repeat(counts, axis=2)
    raw_gpus, run_h, slack_h, data_gb = _cut(median * np.exp(sigma * z[:4]), low, high)
    gpus = _whole_gpus(raw_gpus, law.malleable.repeat(counts), *law.least_and_most.repeat(counts, axis=1))
    work = gpus * run_h
    jobs = Jobs(
        arrival_step=arrival_step,
        deadline_step=arrival_step + np.ceil((run_h + slack_h) / scenario.step_h).astype(np.int64),
        origin=law.origin.repeat(counts),
        job_class=law.job_class.repeat(counts),
        gpus=gpus,
        work_gpu_h=work,
        estimate_gpu_h=work * np.exp(law.estimate_sigma.repeat(counts) * z[4]),
        data_gb=data_gb,
    )
    feasible = np.flatnonzero(arrival_step + run_h / scenario.step_h <= scenario.n_steps)
    small = arrival_step[feasible].astype(np.min_scalar_type(scenario.n_steps))  # numpy sorts two bytes in linear time
    order = feasible[small.argsort(kind="stable")]
    return Jobs._make(column[order] for column in jobs)


def _rates(job_class: JobClass, r: int, local_minutes: Ints, step: int) -> Floats:
    when = clock(local_minutes)
    shape = np.asarray(job_class.shape_by_hour)
    mean = shape.mean()
    by_hour = shape / mean if mean > 0 else np.zeros(24)
    daily = job_class.jobs_per_day[r] * week_factors(job_class.weekend_factor)[when.weekday]
    return np.asarray(daily * by_hour[when.hour.astype(np.int64)] * (step / DAY_MINUTES))


def gpu_limit(scenario: Scenario, c: int, r: int) -> float:
    """Largest number of GPUs of a job of class `c` from region `r`.

    A rigid job must fit into the fleet of every region. If it cannot be preempted, it must fit beside the GPUs that are
    reserved for requests.
    """
    job_class = scenario.job_classes[c]
    if job_class.malleable:
        return scenario.regions[r].fleet.gpus
    smallest, smallest_unreserved = _smallest_gpus(scenario)
    return smallest if job_class.preemptible else smallest_unreserved


@cached_for_owner
def _smallest_gpus(scenario: Scenario) -> tuple[float, float]:
    fleets = [region.fleet for region in scenario.regions]
    return min(f.gpus for f in fleets), min(f.gpus - f.reserved_for_interactive_gpus for f in fleets)


def gpus_of(job_class: JobClass, z: Floats, limit: float) -> Floats:
    """GPUs from standard normals: whole numbers for malleable classes, else powers of two, never above `limit`."""
    least, most = (np.array(bound) for bound in _gpu_bounds(job_class, limit))
    return _whole_gpus(_quantity(job_class.gpus, z), np.array(job_class.malleable), least, most)


def _gpu_bounds(job_class: JobClass, limit: float) -> tuple[float, float]:
    """Lowest and highest number of GPUs; for a rigid job, their logarithms to base two."""
    if job_class.malleable:
        return 1.0, math.floor(limit)
    low, high = job_class.gpus.low, min(job_class.gpus.high, limit)
    return math.ceil(math.log2(max(1.0, low))), math.floor(math.log2(max(1.0, high)))


def _whole_gpus(raw: Floats, malleable: NDArray[np.bool_], least: Floats, most: Floats) -> Floats:
    nearest: Floats = np.rint(np.where(malleable, raw, np.log2(raw)))
    whole = _cut(nearest, least, most)
    return np.where(malleable, whole, 2.0 ** np.where(malleable, 0.0, whole))


def mean_work_gpu_h(scenario: Scenario, c: int, r: int, points: int = 400) -> float:
    """Expected work of a job of class `c` from region `r` [GPU-h], by the mid-quantile rule."""
    from scipy.special import ndtri

    job_class = scenario.job_classes[c]
    z = np.asarray(ndtri((np.arange(points) + 0.5) / points))
    gpus = gpus_of(job_class, z, gpu_limit(scenario, c, r))
    return float(gpus.mean() * _quantity(job_class.run_h, z).mean())


def _numbers(law: LogNormal) -> tuple[float, float, float, float]:
    return law.median, law.sigma, law.low, law.high


def _quantity(law: LogNormal, z: Floats) -> Floats:
    return _cut(law.median * np.exp(law.sigma * z), law.low, law.high)


def _cut(values: Floats, low: Floats | float, high: Floats | float) -> Floats:
    return np.minimum(np.maximum(values, low), high)
