"""Statistics of methods over many runs: pure functions of scores[training seed, episode, scenario].

An episode in which nothing could be saved has no score: it is NaN for all methods. The bootstrap resamples training
seeds and episode indices but not scenarios, so each scenario keeps its weight. A resampled index is used in all
scenarios at the same time. The reason is that episodes with the same index share their random draws if two scenarios
differ only in a tariff or a disturbance, and that one training run may play all scenarios. If the scenarios are
independent, the interval is still correct. Importing SciPy's statistics takes longer than playing an episode, so only
the functions that need them import them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattward.experiments.evaluation.scores import Floats

CONFIDENCE = 0.95
DRAWS = 2000
"""Number of bootstrap resamples for an interval."""
CHUNK = 2_000_000
"""Largest number of resampled scores in memory at the same time."""
SEED_STREAM, EPISODE_STREAM = 0, 1


@dataclass(frozen=True)
class Estimate:
    """An estimate and its confidence interval."""

    value: float
    low: float
    high: float


def interquartile_mean(scores: Floats) -> float:
    """Returns the mean of the middle half of all scores; any shape, NaN is ignored.

    Raises:
        ValueError: there is no score.
    """
    from scipy.stats import trim_mean

    return float(trim_mean(_some(scores), 0.25))


def fifth_percentile(scores: Floats) -> float:
    """Returns the 5th percentile of all scores; any shape, NaN is ignored.

    Raises:
        ValueError: there is no score.
    """
    return float(np.percentile(_some(scores), 5.0))


def resampled_iqms(scores: Floats, *, draws: int = DRAWS, seed: int = 0, method: int = 0) -> Floats:
    """Returns interquartile means of bootstrap resamples, shape (draws,).

    Args:
        scores: Shape (S, E, K), NaN where an episode has no score.
        draws: Number of resamples.
        seed: Seed of the resampling. With the same seed, all methods get the same episodes in each resample.
        method: Index of the method. Training seeds of different methods are resampled independently.

    Raises:
        ValueError: the shape is wrong, or there is no score.
    """
    table = _table(scores)
    rows, columns = _drawn(table.shape, draws, seed, method)
    per_chunk = max(1, CHUNK // table.size)
    parts = [
        _middle_means(table[rows[first : first + per_chunk, :, None], columns[first : first + per_chunk, None, :]])
        for first in range(0, draws, per_chunk)
    ]
    return np.concatenate(parts)


def iqm_estimate(scores: Floats, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE) -> Estimate:
    """Returns the interquartile mean of scores (S, E, K), with its percentile bootstrap interval."""
    return _estimate(interquartile_mean(scores), resampled_iqms(scores, draws=draws, seed=seed), confidence)


def improvement(
    ours: Floats, theirs: Floats, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE
) -> Estimate:
    """Returns the probability that a run of `ours` scores higher than a run of `theirs` on the same episode.

    A tie counts as one half.

    Args:
        ours: Shape (S, E, K).
        theirs: Shape (S', E, K), for the same episodes in the same order.
        draws: Number of resamples of both methods' training seeds and of the episodes.
        seed: Seed of the resampling.
        confidence: Probability that the interval should cover.

    Raises:
        ValueError: the two methods do not have the same episodes, or no episode has a score for both.
    """
    a, b = _paired(ours, theirs)
    gap = a[:, None] - b[None]
    won = np.where(np.isnan(gap), np.nan, (gap > 0) + 0.5 * (gap == 0))
    return _pair_estimate(won, draws, seed, confidence)


def difference(
    ours: Floats, theirs: Floats, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE
) -> Estimate:
    """Returns the mean of score `ours` minus `theirs` on the same episode; arguments and errors as in `improvement`."""
    a, b = _paired(ours, theirs)
    return _pair_estimate(a[:, None] - b[None], draws, seed, confidence)


def change(
    before: Floats, after: Floats, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE
) -> Estimate:
    """Returns the interquartile mean of a method's scores after a change, minus the one before it.

    Each resample uses the same training seeds and the same episodes before and after. Variation that is common to both
    therefore does not widen the interval.

    Args:
        before: Shape (S, E, K).
        after: Scores of the same training seeds and episodes in the same order.
        draws: Number of resamples.
        seed: Seed of the resampling.
        confidence: Probability that the interval should cover.

    Raises:
        ValueError: the shapes of `before` and `after` differ.
    """
    a, b = _table(before), _table(after)
    if a.shape != b.shape:
        raise ValueError(f"training seeds and episodes must be paired, got {a.shape} and {b.shape}")
    value = interquartile_mean(b) - interquartile_mean(a)
    gaps = resampled_iqms(b, draws=draws, seed=seed) - resampled_iqms(a, draws=draws, seed=seed)
    return _estimate(value, gaps, confidence)


def profile(scores: Floats, taus: ArrayLike) -> Floats:
    """Returns the performance profile: the share of runs with a score above each of `taus`; NaN is ignored.

    Raises:
        ValueError: there is no score.
    """
    ordered = np.sort(_some(scores))
    above = ordered.size - np.searchsorted(ordered, np.asarray(taus, dtype=np.float64), side="right")
    return np.asarray(above / ordered.size, dtype=np.float64)


def profile_band(
    scores: Floats, taus: ArrayLike, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Returns the lower and upper ends of the profile's interval at each of `taus`, from scores (S, E, K)."""
    table = _table(scores)
    counts = _counts(table.shape, draws, seed, 0)
    total = _weighted(np.isfinite(table).sum(axis=2).astype(np.float64), *counts)
    shares = [
        _weighted((table > tau).sum(axis=2).astype(np.float64), *counts) / np.maximum(total, 1.0)
        for tau in np.atleast_1d(np.asarray(taus, dtype=np.float64))
    ]
    low, high = np.quantile(np.stack(shares, axis=1)[total > 0], _ends(confidence), axis=0)
    return low, high


def rank_stability(tables: Mapping[str, Floats], *, draws: int = DRAWS, seed: int = 0) -> dict[str, Floats]:
    """Returns the share of resamples in which each method has each rank by its interquartile mean.

    Args:
        tables: Scores of each method on the same episodes, shape (S, E, K); S may differ between methods.
        draws: Number of resamples; in each, all methods get the same resampled episodes.
        seed: Seed of the resampling.

    Returns:
        For each method, the shares of rank 1, 2, ..., with as many ranks as methods. Methods with equal scores share
        their ranks evenly.

    Raises:
        ValueError: the methods do not have the same episodes.
    """
    from scipy.stats import rankdata

    if len({table.shape[1:] for table in tables.values()}) > 1:
        raise ValueError("methods must have played the same episodes of the same scenarios")
    means = [resampled_iqms(table, draws=draws, seed=seed, method=k) for k, table in enumerate(tables.values())]
    ordered = -np.stack(means, axis=1)
    first, last = (rankdata(ordered, method=method, axis=1)[:, :, None] for method in ("min", "max"))
    ranks = np.arange(1, len(tables) + 1)
    held = ((first <= ranks) & (ranks <= last)) / (last - first + 1)
    return dict(zip(tables, held.mean(axis=0), strict=True))


def _pair_estimate(pairs: Floats, draws: int, seed: int, confidence: float) -> Estimate:
    """Returns the mean of pairs[ours, theirs, episode, scenario] with its interval; NaN is ignored."""
    known = np.isfinite(pairs)
    total, number = np.where(known, pairs, 0.0).sum(axis=3), known.sum(axis=3).astype(np.float64)
    if not number.sum():
        raise ValueError("no episode has a score of both methods")
    ours, episodes = _counts((pairs.shape[0], *pairs.shape[2:]), draws, seed, 1)
    theirs, _ = _counts((pairs.shape[1], *pairs.shape[2:]), draws, seed, 2)
    sums, numbers = (
        np.einsum("da,db,de,abe->d", ours, theirs, episodes, part, optimize=True) for part in (total, number)
    )
    return _estimate(float(total.sum() / number.sum()), sums[numbers > 0] / numbers[numbers > 0], confidence)


def _estimate(value: float, resampled: Floats, confidence: float) -> Estimate:
    low, high = np.nanquantile(resampled, _ends(confidence))
    return Estimate(value, float(low), float(high))


def _ends(confidence: float) -> tuple[float, float]:
    return (1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0


def _drawn(shape: tuple[int, ...], draws: int, seed: int, method: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draws training seeds (draws, S), which depend on the method, and episodes (draws, E), which do not."""
    seeds = np.random.default_rng([seed, SEED_STREAM, method]).integers(shape[0], size=(draws, shape[0]))
    episodes = np.random.default_rng([seed, EPISODE_STREAM]).integers(shape[1], size=(draws, shape[1]))
    return seeds, episodes


def _counts(shape: tuple[int, ...], draws: int, seed: int, method: int) -> tuple[Floats, Floats]:
    """Returns how often each training seed (draws, S) and each episode (draws, E) was drawn."""
    seeds, episodes = _drawn(shape, draws, seed, method)
    return _histogram(seeds), _histogram(episodes)


def _histogram(drawn: NDArray[np.int64]) -> Floats:
    draws, n = drawn.shape
    places = drawn + n * np.arange(draws)[:, None]
    return np.bincount(places.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def _weighted(values: Floats, seeds: Floats, episodes: Floats) -> Floats:
    """Returns sums (draws,) of values (S, E); each value counts as often as it was drawn."""
    return np.asarray(np.einsum("da,de,ae->d", seeds, episodes, values, optimize=True), dtype=np.float64)


def _middle_means(resampled: Floats) -> Floats:
    """Returns interquartile means over all but the first axis; ignores NaN unless only NaN was drawn."""
    flat = np.sort(resampled.reshape(len(resampled), -1), axis=1)
    known = np.isfinite(flat).sum(axis=1)
    cut = known // 4
    place = np.arange(flat.shape[1])
    middle = (place >= cut[:, None]) & (place < (known - cut)[:, None])
    number = middle.sum(axis=1)
    sums = np.where(middle, flat, 0.0).sum(axis=1)
    return np.where(number > 0, sums / np.maximum(number, 1), np.nan)


def _paired(ours: Floats, theirs: Floats) -> tuple[Floats, Floats]:
    a, b = _table(ours), _table(theirs)
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"episodes must be paired, got {a.shape[1:]} and {b.shape[1:]} (episodes, scenarios)")
    return a, b


def _table(scores: Floats) -> Floats:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 3:
        raise ValueError(f"scores must have shape (training seeds, episodes, scenarios), got {table.shape}")
    _some(table)
    return table


def _some(scores: Floats) -> Floats:
    """Returns the scores that are not NaN, in one dimension."""
    table = np.asarray(scores, dtype=np.float64)
    known = table[~np.isnan(table)]
    if not known.size or np.isinf(known).any():
        raise ValueError(f"scores must be finite numbers or NaN, and one of them a number, got {table.size} of them")
    return known
