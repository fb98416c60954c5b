"""What an episode says about a method; what many say is in `statistics`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BOUND_MARGIN = 1e-9
"""Relative; as `wattward.baselines.lp` takes off its dual values."""


def score(total_cost: Floats, run_on_arrival_cost: Floats, bound_cost: Floats) -> Floats:
    """Share of the attainable saving that was attained: 0 is running on arrival, 1 is the hindsight bound.

    An episode in which nothing can be saved has no score (NaN).
    """
    attainable = np.asarray(run_on_arrival_cost, dtype=np.float64) - bound_cost
    attained = np.asarray(run_on_arrival_cost, dtype=np.float64) - total_cost
    possible = attainable > 1e-9 * np.abs(run_on_arrival_cost)
    return np.where(possible, attained / np.where(possible, attainable, 1.0), np.nan)


def is_below_bound(total_cost: float, bound_cost: float) -> bool:
    """Whether an episode costs less than its hindsight bound, so that its score would be above 1.

    The bound's own safety margin is the tolerance.
    """
    return total_cost < bound_cost - BOUND_MARGIN * abs(bound_cost)


def saving(total_cost: Floats, run_on_arrival_cost: Floats) -> float:
    """1 - total cost / total cost of running on arrival, over all the episodes given."""
    return float(1.0 - np.sum(total_cost) / np.sum(run_on_arrival_cost))
