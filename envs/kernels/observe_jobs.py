"""Encodes the jobs that may be ordered, as rows of numbers and a mask of choices.

Python calls `encode_jobs`. It is compiled only where jobs are observed.
"""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import digest_of, entry, inlined
from wattward.envs.kernels.fleet import Fleet, job_arrays, opened
from wattward.envs.model import job_fields, layout, observation, site_model
from wattward.envs.model.job_fields import (
    JOB_AT,
    JOB_LEAST,
    JOB_MOST,
    MARGIN_SHARE,
    N_JOB_NUMBERS,
    N_OPTION_NUMBERS,
)
from wattward.envs.model.layout import ENV, EPS, MOVABLE, Row, Rows
from wattward.envs.model.observation import AT, BLOCK_EDGES_H, N_CLOCK, N_FORECASTS, N_NOW
from wattward.envs.model.types import RUNNING, Floats, Ints

JobRows = NDArray[np.float32]
Choices = NDArray[np.int8]
FREE_GPUS, STEPS_PER_GB, OUT_BACKLOG, IN_BACKLOG, POWER, PRICES = range(6)
"""Columns of what all jobs share about a region: free GPUs; steps of its link for a GB; backlogs in steps; power of a
GPU relative to the mean of the regions; prices."""
N_OF_REGION = 6
BLOCK_OF_HOUR = tuple(sum(hour > edge for edge in BLOCK_EDGES_H) for hour in range(BLOCK_EDGES_H[-1] + 1))
"""Number of forecast blocks that begin before each full hour."""


@inlined
def _observe_jobs(fleet: Fleet, b: int, n_blocks: int, rows: JobRows, mask: Choices) -> None:
    """Fills the rows (K, F) and the mask (K, R + 1) of the jobs of environment `b`; other rows stay as they are."""
    e, row, q = fleet.env[b], min(b, fleet.scenario.size - 1), fleet.queue[b]
    p, sites, classes = fleet.scenario[row], fleet.sites[row], fleet.classes[row]
    options = np.empty((fleet.regions.shape[1], N_OF_REGION + n_blocks))
    _regions(sites, fleet.regions[b], fleet.hours[e.slot, e.step], fleet.observations[b], options)
    for k in range(min(e.n_movable, rows.shape[0])):
        _one(e, p, sites, classes, options, q[fleet.picks[b, MOVABLE, k]], rows[k], mask[k])


@inlined
def _one(e: Row, p: Row, sites: Rows, classes: Rows, options: Floats, job: Row, out: JobRows, allowed: Choices) -> None:
    """Fills the row (F,) and the mask (R + 1,) of one job."""
    _job(e, p, sites[job.region], classes[job.job_class], options[job.region, STEPS_PER_GB], job, out)
    out[N_JOB_NUMBERS + job.job_class] = 1.0
    until = PRICES + _last_block(job, e, p, options.shape[1] - N_OF_REGION)
    _options(p, sites[job.region], options, until, job, out[N_JOB_NUMBERS + classes.size :], allowed)


@inlined
def _options(p: Row, site: Row, options: Floats, until: int, job: Row, out: JobRows, allowed: Choices) -> None:
    """Fills what running the job in each region means, and whether it may be ordered there."""
    by_gpus, here = 1.0 / job.gpus, job.region
    by_worth = 1.0 / max(job.expected_gpu_h * p.shaping_coefficient_per_gpu_h, 1e-9)
    move_cost = min(JOB_MOST.move_cost, job.data_gb * site.wan_cost_per_gb * by_worth)
    out_backlog = options[here, OUT_BACKLOG]
    out_steps = out_backlog + job.data_gb * options[here, STEPS_PER_GB]
    for r in range(options.shape[0]):
        at = r * N_OPTION_NUMBERS
        out[at + JOB_AT.price] = _clip(options[r, PRICES], JOB_LEAST.price, JOB_MOST.price)
        out[at + JOB_AT.best_price] = _clip(options[r, until], JOB_LEAST.best_price, JOB_MOST.best_price)
        out[at + JOB_AT.power] = min(JOB_MOST.power, options[r, POWER])
        out[at + JOB_AT.room] = min(JOB_MOST.room, options[r, FREE_GPUS] * by_gpus)
        if r == here:
            out[at + JOB_AT.here] = 1.0
            allowed[1 + r] = 1
            continue
        steps = max(out_steps, options[r, IN_BACKLOG] + job.data_gb * options[r, STEPS_PER_GB])
        out[at + JOB_AT.transit] = 0.0 if steps <= 1.0 + EPS else min(JOB_MOST.transit, steps * p.step_h)
        out[at + JOB_AT.move_cost] = move_cost
        allowed[1 + r] = 1 if out_backlog < 1.0 and options[r, IN_BACKLOG] < 1.0 else 0


@inlined
def _clip(value: float, least: float, most: float) -> float:
    return min(most, max(least, value))


@inlined
def _regions(sites: Rows, regs: Rows, now: Rows, seen: JobRows, options: Floats) -> None:
    """Fills what all jobs share about each region, shape (R, N_OF_REGION + blocks), see FREE_GPUS.

    The first price is now. The next ones are the lowest price from now to the end of each forecast block. Prices are of
    power for one more GPU, relative to the mean of the regions.
    """
    n_regions, n_blocks = options.shape[0], options.shape[1] - N_OF_REGION
    width = (seen.size - N_CLOCK) // n_regions
    mean_kw = 0.0
    for r in range(n_regions):
        mean_kw += site_model.kw_per_rested_gpu(sites[r], now[r].pue) / n_regions
    for r in range(n_regions):
        reg, hour = regs[r], now[r]
        awake = min(reg.awake_gpus, hour.fleet_gpus)
        options[r, FREE_GPUS] = max(0.0, awake - reg.locked_gpus - hour.interactive_gpus)
        by_link = 1.0 / max(sites[r].wan_gb_per_step * hour.wan_share, EPS)
        options[r, STEPS_PER_GB] = by_link
        options[r, OUT_BACKLOG], options[r, IN_BACKLOG] = reg.wan_out_gb * by_link, reg.wan_in_gb * by_link
        base = N_CLOCK + r * width
        share = site_model.kw_per_rested_gpu(sites[r], hour.pue) / max(mean_kw, 1e-6)
        options[r, POWER] = share
        options[r, PRICES] = _margin(seen[base + AT.price], seen[base + AT.surplus]) * share
        prices, surpluses = base + N_NOW + AT.price_ahead * n_blocks, base + N_NOW + AT.surplus_ahead * n_blocks
        for j in range(n_blocks):
            ahead = _margin(seen[prices + j], seen[surpluses + j]) * share
            options[r, PRICES + j + 1] = min(options[r, PRICES + j], ahead)


@inlined
def _margin(price: float, surplus: float) -> float:
    """Price / the scenario's mean price for the part of `MARGIN_SHARE` of the fleet that surplus does not cover."""
    return (1.0 + price) * (1.0 - min(1.0, surplus / MARGIN_SHARE))


@inlined
def _last_block(job: Row, e: Row, p: Row, n_blocks: int) -> int:
    """Column of the marginal prices up to which the job may start in time, by its owner's estimate."""
    slack_h = (job.deadline_step - e.step) * p.step_h - job.left_h
    hours = int(min(BLOCK_EDGES_H[-1], max(0.0, ceil(slack_h))))
    return min(BLOCK_OF_HOUR[hours], n_blocks)


@inlined
def _job(e: Row, p: Row, site: Row, job_class: Row, per_gb: float, job: Row, out: JobRows) -> None:
    to_deadline_h = (job.deadline_step - e.step) * p.step_h
    slack_h = to_deadline_h - job.left_h
    out[JOB_AT.present] = 1.0
    out[JOB_AT.gpus] = min(JOB_MOST.gpus, job.gpus / site.fleet_gpus)
    out[JOB_AT.left] = min(JOB_MOST.left, job.left_h / (1.0 + job.left_h))
    out[JOB_AT.slack] = _clip(slack_h / 24.0, JOB_LEAST.slack, JOB_MOST.slack)
    out[JOB_AT.deadline] = _clip(to_deadline_h / 24.0, JOB_LEAST.deadline, JOB_MOST.deadline)
    out[JOB_AT.due] = 1.0 if slack_h < p.step_h - EPS else 0.0
    out[JOB_AT.data] = min(JOB_MOST.data, job.data_gb * per_gb)
    out[JOB_AT.malleable] = 1.0 if job.malleable else 0.0
    out[JOB_AT.preemptible] = 1.0 if job.preemptible else 0.0
    out[JOB_AT.restart] = min(JOB_MOST.restart, job_class.restart_h)
    out[JOB_AT.running] = 1.0 if job.status == RUNNING else 0.0
    out[JOB_AT.paused] = 1.0 if job.paused else 0.0
    out[JOB_AT.held] = min(JOB_MOST.held, job.alloc_gpus / job.gpus) if job.status == RUNNING else 0.0


_MODEL = [Path(str(module.__file__)) for module in (job_fields, layout, observation, site_model)]
_KERNELS = [Path(__file__), Path(__file__).with_name("fleet.py")]
SOURCES = digest_of(*_MODEL, *_KERNELS)


def address_of(array: NDArray[Any]) -> int:
    """The address of an array's first number; the array must be C-contiguous and outlive its use."""
    address: int = array.__array_interface__["data"][0]
    return address


@entry
def encode_jobs(a: Ints, first: int, last: int, n_rows: int, n_extra: int, rows_at: int, mask_at: int) -> None:
    """Encodes the jobs of environments `first` to `last` - 1.

    Args:
        a: The table of addresses of a batch.
        first: The first environment.
        last: The environment after the last one.
        n_rows: Number of jobs K in an observation.
        n_extra: Numbers that each region's observation has beyond those of every scenario.
        rows_at: Address that receives rows of jobs, float32 of shape (last - first, K, F), filled with 0.
        mask_at: Address that receives which choices each row has, int8 of shape (last - first, K, R + 1).
    """
    _ = SOURCES
    fleet = opened(a)
    n_regions, n_envs = fleet.regions.shape[1], last - first
    width = (fleet.observations.shape[1] - N_CLOCK) // n_regions
    n_blocks = (width - N_NOW - n_extra) // N_FORECASTS
    n_numbers = N_JOB_NUMBERS + fleet.classes.shape[1] + n_regions * N_OPTION_NUMBERS
    rows, mask = job_arrays(rows_at, mask_at, (n_envs, n_rows, n_numbers), (n_envs, n_rows, n_regions + 1))
    for i in range(n_envs):
        _observe_jobs(fleet, first + i, n_blocks, rows[i], mask[i])


@entry
def encode_seen_jobs(
    step: int,
    scenario: Rows,
    sites: Rows,
    classes: Rows,
    regions: Rows,
    now: Rows,
    jobs: Rows,
    seen: JobRows,
    n_blocks: int,
    rows: JobRows,
    mask: Choices,
) -> None:
    """Encodes jobs that a policy knows, in the same way as `encode_jobs`.

    Args:
        step: The step to be taken next.
        scenario: A row of SCENARIO, shape (1,).
        sites: Rows of SITE, shape (R,).
        classes: Rows of JOB_CLASS, shape (C,).
        regions: Rows of REGION, shape (R,): link backlogs, GPUs awake and locked.
        now: Rows of HOUR, shape (R,): requests, PUE, GPUs in order, share of the links.
        jobs: Rows of QUEUED, shape (K,), of the jobs that may be ordered.
        seen: What an agent sees, shape (numbers,).
        n_blocks: Number of forecast blocks in `seen`.
        rows: Receives the rows, shape (K, F), filled with 0.
        mask: Receives the choices of each row, shape (K, R + 1).
    """
    _ = SOURCES
    env = np.zeros(1, ENV)
    env[0].step = step
    options = np.empty((sites.size, N_OF_REGION + n_blocks))
    _regions(sites, regions, now, seen, options)
    for k in range(jobs.size):
        mask[k, 0] = 1
        _one(env[0], scenario[0], sites, classes, options, jobs[k], rows[k], mask[k])
