"""What slot pickers share: the cost of coming hours, and the slots a job may take before its deadline."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from wattward.baselines.votes import hours_to_end, per_region, voters
from wattward.envs.outlook import Outlook
from wattward.envs.types import Floats, Ints

Signal = Literal["cost", "carbon"]


def signal(outlook: Outlook, kind: Signal) -> Floats:
    """What a GPU-hour of each region's waiting work would pay or emit by lead, shape (L, R).

    "cost" is tariff x added facility power [yuan/GPU-h], "carbon" grid intensity x the same [kg/GPU-h]; either is zero
    for the share of the waiting work that forecast surplus covers, at the present PUE.
    """
    rate = outlook.price_forecast_yuan_per_kwh if kind == "cost" else outlook.carbon_forecast_kg_per_kwh
    wanted = per_region(outlook, np.where(voters(outlook), outlook.jobs.gpus, 0.0))
    wanted_kw = outlook.kw_per_gpu * np.clip(wanted, 1.0, np.maximum(1.0, outlook.free_gpus))
    from_grid = 1.0 - np.minimum(1.0, outlook.surplus_forecast_kw / wanted_kw)
    amount: Floats = rate * outlook.kw_per_gpu * from_grid
    return amount


class Slots(NamedTuple):
    """How many steps jobs need and have; the forecast horizon and the end of the episode are deadlines as well."""

    needed: Ints  # (A,) steps of running by the estimate, at least 1
    left: Ints  # (A,) steps until the deadline, 1..L


def slots(outlook: Outlook) -> Slots:
    """The slots of the jobs present."""
    jobs, step_h = outlook.jobs, outlook.step_h
    left_h = np.minimum(jobs.hours_to_deadline, hours_to_end(outlook))
    needed = np.ceil(jobs.expected_gpu_h / (jobs.gpus * step_h) - 1e-9)
    left = np.clip(np.floor(left_h / step_h + 1e-9), 1, outlook.n_leads)
    return Slots(np.maximum(1, needed.astype(np.int64)), left.astype(np.int64))


def window_totals(outlook: Outlook, rate: Floats) -> Floats:
    """Sum of `rate` (L, R) over the steps of each job if it starts at lead s, shape (A, L); inf where it may not start.

    A job may always start now, also where what it needs is more than it has.
    """
    need, left = slots(outlook)
    n_leads = rate.shape[0]
    sums = np.vstack([np.zeros(outlook.n_regions), np.cumsum(rate, axis=0)])
    start = np.arange(n_leads)[None, :]
    end = np.minimum(start + need[:, None], n_leads)
    region = outlook.jobs.region[:, None]
    totals = sums[end, region] - sums[start, region]
    may_start = (start + need[:, None] <= left[:, None]) | (start == 0)
    return np.where(may_start, totals, np.inf)
