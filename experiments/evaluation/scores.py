"""Scores of single episodes; `statistics` summarises the scores of many episodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BOUND_MARGIN = 1e-9
"""Relative margin, the same as `wattward.baselines.lp` subtracts from its dual values."""


def score(total_cost: Floats, run_on_arrival_cost: Floats, bound_cost: Floats) -> Floats:
    """Returns the attained share of the possible saving: 0 is running on arrival, 1 is the hindsight bound.

    An episode in which nothing can be saved has no score (NaN).
    """
    attainable = np.asarray(run_on_arrival_cost, dtype=np.float64) - bound_cost
    attained = np.asarray(run_on_arrival_cost, dtype=np.float64) - total_cost
    possible = attainable > 1e-9 * np.abs(run_on_arrival_cost)
    return np.where(possible, attained / np.where(possible, attainable, 1.0), np.nan)


def is_below_bound(total_cost: float, bound_cost: float) -> bool:
    """Returns whether an episode costs less than its hindsight bound, which would give a score above 1.

    The tolerance is the safety margin of the bound.
    """
    return total_cost < bound_cost - BOUND_MARGIN * abs(bound_cost)


def saving(total_cost: Floats, run_on_arrival_cost: Floats) -> float:
    """Returns 1 - total cost / total cost of running on arrival, summed over all given episodes."""
    return float(1.0 - np.sum(total_cost) / np.sum(run_on_arrival_cost))
