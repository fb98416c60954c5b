"""What a set of episodes says about an entrant: pure functions of scores[training seed, episode].

SciPy's statistics take longer to import than an episode to play, so only the functions that need them import them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 2000
"""Bootstrap resamples behind an interval."""


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


def iqm(scores: Floats) -> float:
    """Interquartile mean of `scores`, any shape: the mean of the middle half.

    Raises:
        ValueError: no scores, or one that is not a number.
    """
    from scipy.stats import trim_mean

    return float(trim_mean(_checked(scores).ravel(), 0.25))


def interval(scores: Floats, *, confidence: float = 0.95, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of the interquartile mean.

    Training seeds and episodes are resampled as two crossed strata: an episode drawn twice counts twice for every
    seed, because all seeds met the same episodes.

    Args:
        scores: one row a training seed, one column an episode, shape (S, E).
        confidence: probability the interval should cover.
        draws: bootstrap resamples.
        seed: of the resampling, fixed so that the same scores give the same interval.

    Raises:
        ValueError: `scores` is empty, not two-dimensional, or holds one that is not a number.
    """
    from scipy.stats import trim_mean

    table = _checked(scores)
    if table.ndim != 2:
        raise ValueError(f"scores must have shape (training seeds, episodes), got {table.shape}")
    rng = np.random.default_rng(seed)
    rows = rng.integers(table.shape[0], size=(draws, table.shape[0], 1))
    columns = rng.integers(table.shape[1], size=(draws, 1, table.shape[1]))
    resampled = table[rows, columns].reshape(draws, -1)
    means = trim_mean(resampled, 0.25, axis=1)
    low, high = np.quantile(means, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)


def probability_of_improvement(ours: Floats, theirs: Floats) -> float:
    """Chance that one of our training seeds scores above one of theirs on the same episode; a tie counts half.

    Args:
        ours: shape (S, E).
        theirs: shape (S', E), the same episodes in the same order.

    Raises:
        ValueError: the two do not share their episodes.
    """
    a, b = _checked(ours), _checked(theirs)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"episodes must be paired, got {a.shape[-1]} and {b.shape[-1]}")
    gap = a[:, None, :] - b[None, :, :]
    return float(np.mean((gap > 0) + 0.5 * (gap == 0)))


def _checked(scores: Floats) -> Floats:
    table = np.asarray(scores, dtype=np.float64)
    if table.size == 0 or not np.isfinite(table).all():
        raise ValueError(f"scores must be finite numbers, got {table.size} of which {np.isfinite(table).sum()} finite")
    return table
