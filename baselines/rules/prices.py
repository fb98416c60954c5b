"""What it costs to run a job, by time and place, and to move it. All rules for jobs use these figures."""

from __future__ import annotations

from typing import Literal

import numpy as np

from wattward.baselines.present_jobs import movable, per_region
from wattward.envs.model import site_model
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook

Signal = Literal["cost", "carbon"]
"""What a rule follows: the marginal cost of power, or the grid's carbon, as in the sources of most rules."""


def grid_rate(outlook: Outlook, signal: Signal = "cost") -> Floats:
    """Cost or carbon of a GPU-hour that runs on grid power, by lead, shape (L, R).

    "cost" is the price of power [currency/GPU-h], without that of its carbon; "carbon" is the grid's intensity
    [kg/GPU-h]. Both are multiplied by the net power that one more busy GPU adds at the present PUE. The price of carbon
    is left out because it is small and differs from step to step: jobs that all wait for the cleanest step of a price
    band get in each other's way (on training episodes of zhejiang-xinjiang the rules of GAIA lose 0.04 to 0.3 of
    score).
    """
    price = outlook.price_forecast_per_kwh if signal == "cost" else outlook.carbon_forecast_kg_per_kwh
    return price * outlook.kw_per_rested_gpu


def marginal_rate(outlook: Outlook, signal: Signal = "cost") -> Floats:
    """Cost or carbon of a GPU-hour of the waiting work by lead, shape (L, R): that of `grid_rate`, less surplus.

    Surplus is free. It covers a share of the GPUs that the jobs present ask for in the region.
    """
    wanted = per_region(outlook, np.where(movable(outlook), outlook.jobs.gpus, 0.0))
    wanted = np.clip(wanted, 1.0, np.maximum(1.0, outlook.free_gpus))
    from_grid = 1.0 - np.minimum(1.0, outlook.surplus_forecast_gpus / wanted)
    rate: Floats = grid_rate(outlook, signal) * from_grid
    return rate


def move_cost(outlook: Outlook) -> Floats:
    """Cost of moving each job's data to each region now [currency], shape (A, R); 0 for its own region."""
    params, region, data_gb = outlook.params, outlook.jobs.region, outlook.jobs.data_gb
    per_gb = params.wan_cost_per_gb[0] + params.wan_kwh_per_gb[0] * outlook.price_per_kwh
    elsewhere = region[:, None] != np.arange(outlook.n_regions)
    return np.where(elsewhere, (per_gb[region] * data_gb)[:, None], 0.0)


def transit_steps(outlook: Outlook) -> Ints:
    """Steps that each job's data are on the way to each region on an idle network, shape (A, R).

    0 if the data arrive within the step in which they leave, and for the job's own region.
    """
    region = outlook.jobs.region
    link_gb = np.maximum(outlook.params.wan_gb_per_step[0] * outlook.wan_share, 1e-9)
    slowest = np.minimum(link_gb[region][:, None], link_gb)
    steps = np.ceil(outlook.jobs.data_gb[:, None] / slowest - 1e-9)
    stays = region[:, None] == np.arange(outlook.n_regions)
    return np.where(stays | (steps <= 1.0), 0.0, np.minimum(steps, outlook.n_steps)).astype(np.int64)


def surplus_gpus_now(outlook: Outlook) -> Floats:
    """Awake GPUs that surplus power covers now, after requests and locked work, shape (R,)."""
    site = outlook.site_power
    surplus_kw = site_model.surplus_kw(outlook.green_forecast_kw[0], outlook.load_kw)
    gpus: Floats = surplus_kw / np.maximum(site_model.kw_per_awake_gpu(site, outlook.pue), 1e-9)
    return gpus
