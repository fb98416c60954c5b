"""What online algorithms for jobs share: bounds on prices, costs of pauses, and a root finder."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from wattward.baselines.rules.prices import grid_rate
from wattward.envs.model.types import Floats, Ints
from wattward.envs.policy.outlook import Outlook

LEAST_SHARE = 0.01
"""Least lowest price as a share of the highest: the algorithms' ratios are defined for positive prices only."""
MOST_SWITCHING = 0.9
"""Most that two switches and the longest move may cost, as a share of the spread of prices, by the algorithms'
assumption that switching costs less than the spread. Where it costs more, pausing does not pay."""
N_HALVINGS = 26


class Bounds(NamedTuple):
    """What J jobs must know of prices in advance. All are costs of a GPU-hour."""

    highest: Floats  # (J,) U in the publications
    lowest: Floats  # (J,) L
    switch: Floats  # (J,) of one switch between running and pausing, beta or tau


def bounds(outlook: Outlook, rows: Ints, *, everywhere: bool = False) -> Bounds:
    """Bounds for the jobs at some rows of `outlook.jobs`, from the forecast of grid power.

    A pause and a resumption together cost the restart: `restart_h` of all GPUs at the mean of both bounds. It is spread
    over the GPU-hours of a step, because the publications count a switch in units of the work of a step.

    Args:
        outlook: The present step.
        rows: The rows of the jobs, shape (J,).
        everywhere: Whether the bounds are those of all regions, or only of the job's own.
    """
    rate, jobs = grid_rate(outlook), outlook.jobs
    high, low = rate.max(axis=0), rate.min(axis=0)
    if everywhere:
        high, low = np.full_like(high, high.max()), np.full_like(low, low.min())
    highest = np.maximum(high[jobs.region[rows]], 1e-9)
    lowest = np.clip(low[jobs.region[rows]], LEAST_SHARE * highest, (1.0 - LEAST_SHARE) * highest)
    restart_h = outlook.params.class_restart_h[0, jobs.job_class[rows]]
    switch = restart_h / outlook.step_h * (highest + lowest) / 4.0
    return Bounds(highest, lowest, np.minimum(switch, MOST_SWITCHING * (highest - lowest) / 2.0))


def falling_root(function: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Where falling functions are zero, between `low` and `high`, each of shape (J,); an end if there is no zero."""
    low, high = low.copy(), high.copy()
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2.0
        above = function(middle) > 0.0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2.0
