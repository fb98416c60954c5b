"""What an episode says about an entrant; what many say is in `statistics`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def score(cost_yuan: Floats, run_on_arrival_yuan: Floats, bound_yuan: Floats) -> Floats:
    """Share of the attainable saving that was attained: 0 is running on arrival, 1 is the hindsight bound.

    An episode in which nothing can be saved has no score (NaN).
    """
    attainable = np.asarray(run_on_arrival_yuan, dtype=np.float64) - bound_yuan
    attained = np.asarray(run_on_arrival_yuan, dtype=np.float64) - cost_yuan
    possible = attainable > 1e-9 * np.abs(run_on_arrival_yuan)
    return np.where(possible, attained / np.where(possible, attainable, 1.0), np.nan)


def saving(cost_yuan: Floats, run_on_arrival_yuan: Floats) -> float:
    """1 - total cost / total cost of running on arrival, over all the episodes given."""
    return float(1.0 - np.sum(cost_yuan) / np.sum(run_on_arrival_yuan))
