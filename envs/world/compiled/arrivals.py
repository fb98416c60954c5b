"""Jobs of an episode, as rows of JOB sorted by (arrival, deadline, number)."""

from __future__ import annotations

from math import ceil, exp, log1p, log2

import numpy as np

from wattward.envs.kernels.compiling import called
from wattward.envs.model.layout import Rows
from wattward.envs.model.types import Floats, Ints
from wattward.envs.world.compiled.memory import (
    AT,
    HOUR_MINUTES,
    N_STEPS,
    STEP_MINUTES,
    flags_1,
    floats_1,
    floats_2,
    floats_3,
    ints_1,
    ints_2,
    jobs_1,
)
from wattward.envs.world.compiled.philox import AT_ONCE, Words, fill_normal, fill_uniform
from wattward.envs.world.processes.streams import stream_of

JOBS = stream_of("jobs")[0]
GPUS, RUN_H, SLACK_H, DATA_GB, ESTIMATE, QUANTITIES = range(6)
MEDIAN, SIGMA, LOW, HIGH = range(4)
STEP, ORDER, N_NOTES = 0, 1, 2
"""Rows of notes: steps of arrivals, and places of jobs in their order."""
FULL = -1
"""Returned where there is no room for all jobs."""


@called
def draw_jobs(a: Ints, key: Words, week_step: int) -> int:
    """Draws the jobs of an episode; `week_step` is the step of the week at which it starts.

    Returns:
        The number of jobs, or FULL if there is no room for all arrivals.
    """
    notes, found, normals = ints_2(a, AT.notes), jobs_1(a, AT.found), floats_1(a, AT.job_normals)
    rate, n_steps = floats_2(a, AT.job_rate), ints_1(a, AT.calendar)[N_STEPS]
    kept, stream = 0, np.empty(2, np.uint64)
    stream[0] = JOBS
    for k in range(rate.shape[0]):
        stream[1] = 2 * k
        arrivals = _arrivals(rate[k], n_steps, key, stream, week_step, notes[STEP])
        if arrivals == FULL or kept + arrivals > found.size:
            return FULL
        stream[1] = 2 * k + 1
        fill_normal(key, stream, normals[: QUANTITIES * arrivals])
        kept = _fill_jobs(a, k, notes[STEP, :arrivals], normals, kept)
    _sort(a, found[:kept])
    return kept


@called
def _arrivals(rate: Floats, n_steps: int, key: Words, stream: Words, week_step: int, steps: Ints) -> int:
    """Fills the steps of the arrivals of a pair of class and region; returns their number, or FULL.

    `rate` is the expected number by step of the week. In the time in which one arrival is expected per unit, the gaps
    between arrivals are exponential.
    """
    uniform, count, block, at, t, due = np.empty(AT_ONCE), 0, 0, 0.0, 0, rate[week_step % rate.size]
    while True:
        fill_uniform(key, stream, block * AT_ONCE, uniform)
        block += 1
        for i in range(AT_ONCE):
            at += -log1p(-uniform[i])
            while due <= at:
                t += 1
                if t == n_steps:
                    return count
                due += rate[(week_step + t) % rate.size]
            if count == steps.size:
                return FULL
            steps[count] = t
            count += 1


@called
def _fill_jobs(a: Ints, k: int, steps: Ints, normals: Floats, kept: int) -> int:
    """Fills the jobs of a pair that can finish by the end of the episode; returns the number of all jobs so far."""
    found, malleable, origin = jobs_1(a, AT.found), flags_1(a, AT.job_malleable)[k], ints_1(a, AT.job_origin)[k]
    numbers, bounds, sigma = (
        floats_3(a, AT.job_quantities),
        floats_2(a, AT.job_gpus),
        floats_1(a, AT.job_estimate_sigma),
    )
    calendar, job_class = ints_1(a, AT.calendar), ints_1(a, AT.job_class)[k]
    step_h, value = calendar[STEP_MINUTES] / HOUR_MINUTES, np.empty(ESTIMATE)
    for i in range(steps.size):
        z, job = normals[QUANTITIES * i : QUANTITIES * (i + 1)], found[kept]
        for q in range(ESTIMATE):
            drawn = numbers[MEDIAN, q, k] * exp(numbers[SIGMA, q, k] * z[q])
            value[q] = min(max(drawn, numbers[LOW, q, k]), numbers[HIGH, q, k])
        nearest = float(round(value[GPUS] if malleable else log2(value[GPUS])))
        whole = min(max(nearest, bounds[0, k]), bounds[1, k])
        job.gpus = whole if malleable else 2.0**whole
        job.arrival_step, job.origin, job.job_class, job.data_gb = steps[i], origin, job_class, value[DATA_GB]
        job.deadline_step = steps[i] + ceil((value[RUN_H] + value[SLACK_H]) / step_h)
        job.work_gpu_h = job.gpus * value[RUN_H]
        job.estimate_gpu_h = job.work_gpu_h * exp(sigma[k] * z[ESTIMATE])
        kept += 1 if steps[i] + value[RUN_H] / step_h <= calendar[N_STEPS] else 0
    return kept


@called
def _sort(a: Ints, found: Rows) -> None:
    """Numbers the jobs by arrival, and sorts them by (arrival, deadline, number)."""
    jobs, order = jobs_1(a, AT.jobs), ints_2(a, AT.notes)[ORDER]
    n_steps = ints_1(a, AT.calendar)[N_STEPS]
    begins = np.zeros(n_steps + 1, np.int64)
    for i in range(found.size):
        begins[found[i].arrival_step + 1] += 1
    for t in range(n_steps):
        begins[t + 1] += begins[t]
    ends = begins.copy()
    for i in range(found.size):
        t = found[i].arrival_step
        place, first = ends[t], begins[t]
        found[i].number = place
        ends[t] += 1
        while place > first and found[order[place - 1]].deadline_step > found[i].deadline_step:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i
    for place in range(found.size):
        jobs[place] = found[order[place]]


@called
def most_at_once(jobs: Rows) -> int:
    """The most jobs that arrive in one step."""
    most, run = 0, 0
    for i in range(jobs.size):
        run = run + 1 if i > 0 and jobs[i].arrival_step == jobs[i - 1].arrival_step else 1
        most = max(most, run)
    return most
