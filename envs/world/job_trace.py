"""Recorded jobs that replace drawn ones: submission times, run times and numbers of GPUs.

The following rules are choices of this project:

- A log holds the jobs of one class. Slack, data and the error of the owner's estimate are not in a log; they are drawn
  from the class's distributions for each episode.
- A log begins at the last midnight of the scenario's clock before its first job. A log of a week or more plays in whole
  weeks, so that weekdays stay weekdays. A shorter log plays in whole days. The rest is left out. An episode at the
  log's own dates plays the log as it was. Any other episode, and one that runs past the log's end, repeats it.
- Jobs are assigned to regions in the proportions of the class's `jobs_per_day`, by a golden-ratio sequence, so that the
  proportions hold over any part of the log. A job belongs to the same region in every episode.
- A job gets at most as many GPUs as a drawn job of its class may. If it is cut, it runs longer and its work stays.
- Jobs that cannot finish by the end of the episode are left out, as for drawn jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.processes.calendar import DAY_MINUTES
from wattward.envs.world.processes.jobs import Jobs, gpu_limit

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import LogNormal, Scenario
    from wattward.envs.model.types import Floats, Ints
    from wattward.envs.world.tidy import JobTrace

GOLDEN = (5**0.5 - 1) / 2


def replay_jobs(
    traces: Sequence[JobTrace], scenario: Scenario, start_minute: int, drawn: Jobs, rng: np.random.Generator
) -> Jobs:
    """The jobs of one episode: recorded jobs for the recorded classes, drawn jobs for the others.

    Args:
        traces: one log for each recorded class.
        scenario: gives classes, regions and steps.
        start_minute: start of step 0 [minutes since 1970-01-01 00:00 of the scenario's clock].
        drawn: the drawn jobs of all classes.
        rng: draws slack, data and estimates.

    Raises:
        ConfigError: a recorded class has no `jobs_per_day` in any region.
    """
    numbers = [[job_class.name for job_class in scenario.job_classes].index(trace.job_class) for trace in traces]
    others = ~np.isin(drawn.job_class, numbers)
    parts = [Jobs._make(column[others] for column in drawn)]
    parts += [_replay(trace, c, scenario, start_minute, rng) for trace, c in zip(traces, numbers, strict=True)]
    jobs = Jobs._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = jobs.arrival_step.argsort(kind="stable")
    return Jobs._make(column[order] for column in jobs)


def arrivals_of(trace: JobTrace, start_minute: int, n_steps: int, step: int) -> tuple[Ints, Ints]:
    """Jobs of a log that arrive during an episode, and their arrival steps, (J,) each.

    Args:
        trace: the log.
        start_minute: start of the episode.
        n_steps: number of steps of the episode.
        step: length of a step [minutes].
    """
    period, whole = trace.days * DAY_MINUTES, n_steps * step
    inside = np.flatnonzero(trace.submit_minute < trace.first_minute + period)
    once = (trace.submit_minute[inside] - start_minute) % period
    laps = np.arange(-(-whole // period)) * period
    when = (laps[:, None] + once).ravel()
    played = when < whole
    return np.tile(inside, laps.size)[played], (when[played] // step).astype(np.int64)


def _replay(trace: JobTrace, c: int, scenario: Scenario, start_minute: int, rng: np.random.Generator) -> Jobs:
    job_class = scenario.job_classes[c]
    job, arrival = arrivals_of(trace, start_minute, scenario.n_steps, scenario.step_minutes)
    origin = assigned_regions(job_class.jobs_per_day, trace, scenario)[job]
    limit = np.floor([gpu_limit(scenario, c, r) for r in range(scenario.n_regions)])
    gpus = np.clip(np.floor(trace.processors[job]), 1.0, limit[origin])
    work = trace.processors[job] * trace.run_h[job]
    run_h, z = work / gpus, rng.standard_normal((3, job.size))
    due_h = run_h + _of_law(job_class.slack_h, z[0])
    jobs = Jobs(
        arrival_step=arrival,
        deadline_step=arrival + np.ceil(due_h / scenario.step_h).astype(np.int64),
        origin=origin,
        job_class=np.full(job.size, c),
        gpus=gpus,
        work_gpu_h=work,
        estimate_gpu_h=work * np.exp(job_class.estimate_sigma * z[2]),
        data_gb=_of_law(job_class.data_gb, z[1]),
    )
    feasible = arrival + run_h / scenario.step_h <= scenario.n_steps
    return Jobs._make(column[feasible] for column in jobs)


def assigned_regions(jobs_per_day: Sequence[float], trace: JobTrace, scenario: Scenario) -> Ints:
    """Assigns each job of a log to a region, (I,).

    Raises:
        ConfigError: the class has no jobs in any region.
    """
    rates = np.asarray(jobs_per_day, dtype=np.float64)
    if rates.sum() <= 0.0:
        raise ConfigError(
            f"scenario {scenario.name}: job_classes.{trace.job_class}.jobs_per_day = {list(jobs_per_day)}: must be "
            f"above 0 in some region, because a log's jobs are assigned in its proportions"
        )
    share = (0.5 + np.arange(trace.submit_minute.size) * GOLDEN) % 1.0
    return np.searchsorted(rates.cumsum() / rates.cumsum()[-1], share, side="right").astype(np.int64)


def _of_law(law: LogNormal, z: Floats) -> Floats:
    values: Floats = np.clip(law.median * np.exp(law.sigma * z), law.low, law.high)
    return values
