"""Figures about the jobs that are present and the GPUs that they may use. All methods of this room share them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook

Flags = NDArray[np.bool_]


def movable(outlook: Outlook) -> Flags:
    """Whether a decision can concern a job, shape (A,): it is neither locked nor in transit."""
    jobs = outlook.jobs
    return ~(jobs.locked | jobs.in_transit)


def settled(outlook: Outlook) -> Flags:
    """Whether a job runs and stays in its region, shape (A,). Malleable jobs do not: they are placed again."""
    jobs = outlook.jobs
    return jobs.running & ~jobs.malleable


def hours_to_end(outlook: Outlook) -> float:
    """Time to the end of the episode [h]."""
    return (outlook.n_steps - outlook.step) * outlook.step_h


def per_region(outlook: Outlook, amount: Floats) -> Floats:
    """Sum over the jobs of each region, from shape (A,) to (R,)."""
    return np.bincount(outlook.jobs.region, weights=amount, minlength=outlook.n_regions).astype(np.float64)


def idle_gpus(outlook: Outlook) -> Floats:
    """GPUs that neither requests nor jobs held in the last step, shape (R,)."""
    idle: Floats = np.maximum(0.0, outlook.fleet_gpus * (1.0 - outlook.utilisation))
    return idle


def free_gpu_h(outlook: Outlook, within_h: Floats) -> Floats:
    """Forecast GPU-hours that requests and locked rigid jobs leave free within given times, shape (A, R).

    Args:
        outlook: The present step.
        within_h: Hours from now, shape (A,). Beyond the forecast horizon, the mean of the forecast is used.
    """
    free = np.maximum(0.0, outlook.fleet_gpus - outlook.locked_gpus - outlook.interactive_forecast_gpus)
    until = np.concatenate([np.zeros((1, outlook.n_regions)), np.cumsum(free * outlook.step_h, axis=0)])
    steps = np.minimum(np.round(within_h / outlook.step_h).astype(np.int64), outlook.n_leads)
    beyond_h = np.maximum(0.0, within_h - outlook.n_leads * outlook.step_h)
    total: Floats = until[steps] + beyond_h[:, None] * free.mean(axis=0)
    return total
