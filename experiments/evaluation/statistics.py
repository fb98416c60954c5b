"""Statistics of methods over many runs: pure functions of scores by training seed and episode.

A table holds the scores of one method in one scenario, shape (S, E): a row for each of its S training seeds, a column
for each of E episodes. An episode in which nothing could be saved has no score: it is NaN for all methods. Functions of
`Tables` take one table for each scenario. Their result is the plain mean of the scenarios' values, so each scenario
counts the same, whatever its number of seeds or the size of its scores.

The bootstrap resamples training seeds and episodes within each scenario, and never the scenarios. Scenarios with the
same number of episodes use the same resampled indices. The reason is that episodes with the same index share their
random draws if two scenarios differ only in a tariff or a disturbance. Also, one training run may play all scenarios.
If the scenarios are independent, the interval is still correct. Importing SciPy's statistics takes longer than playing
an episode, so only the functions that need them import them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattward.experiments.evaluation.scores import Floats

Tables = Sequence[Floats]
"""Scores of one method: for each scenario a table of shape (S, E); S and E may differ between scenarios."""
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


def mean_score(tables: Tables) -> float:
    """Returns the mean over scenarios of their interquartile means."""
    return float(np.mean([interquartile_mean(table) for table in _tables(tables)]))


def fifth_percentile(scores: Floats) -> float:
    """Returns the 5th percentile of all scores; any shape, NaN is ignored.

    Raises:
        ValueError: there is no score.
    """
    return float(np.percentile(_some(scores), 5.0))


def resampled_iqms(scores: Floats, *, draws: int = DRAWS, seed: int = 0, method: int = 0) -> Floats:
    """Returns interquartile means of bootstrap resamples of one scenario, shape (draws,).

    Args:
        scores: Shape (S, E), NaN where an episode has no score.
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


def resampled_scores(tables: Tables, *, draws: int = DRAWS, seed: int = 0, method: int = 0) -> Floats:
    """Returns `mean_score` of bootstrap resamples, shape (draws,); arguments as in `resampled_iqms`."""
    parts = [resampled_iqms(table, draws=draws, seed=seed, method=method) for table in _tables(tables)]
    return np.asarray(np.mean(parts, axis=0), dtype=np.float64)


def score_estimate(tables: Tables, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE) -> Estimate:
    """Returns `mean_score` with its percentile bootstrap interval."""
    return _estimate(mean_score(tables), resampled_scores(tables, draws=draws, seed=seed), confidence)


def improvement(
    ours: Tables, theirs: Tables, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE
) -> Estimate:
    """Returns the probability that a run of `ours` scores higher than a run of `theirs` on the same episode.

    A tie counts as one half. Over several scenarios, it is the mean of their probabilities.

    Args:
        ours: Scores by scenario.
        theirs: Scores by scenario, for the same episodes in the same order; training seeds may differ.
        draws: Number of resamples of both methods' training seeds and of the episodes.
        seed: Seed of the resampling.
        confidence: Probability that the interval should cover.

    Raises:
        ValueError: the two methods do not have the same episodes, or in a scenario no episode has a score for both.
    """
    won = [np.where(np.isnan(gap), np.nan, (gap > 0) + 0.5 * (gap == 0)) for gap in _gaps(ours, theirs)]
    return _pair_estimate(won, draws, seed, confidence)


def difference(
    ours: Tables, theirs: Tables, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE
) -> Estimate:
    """Returns the mean of score `ours` minus `theirs` on the same episode; arguments and errors as in `improvement`."""
    return _pair_estimate(_gaps(ours, theirs), draws, seed, confidence)


def change(
    before: Floats, after: Floats, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE
) -> Estimate:
    """Returns the interquartile mean of a method's scores after a change, minus the one before it.

    Each resample uses the same training seeds and the same episodes before and after. Variation that is common to both
    therefore does not widen the interval.

    Args:
        before: Shape (S, E).
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


def profile(tables: Tables, taus: ArrayLike) -> Floats:
    """Returns the performance profile: the share of runs with a score above each of `taus`; NaN is ignored.

    Over several scenarios, it is the mean of their shares.

    Raises:
        ValueError: there is no score.
    """
    levels = np.asarray(taus, dtype=np.float64)
    shares = []
    for table in _tables(tables):
        ordered = np.sort(_some(table))
        shares.append((ordered.size - np.searchsorted(ordered, levels, side="right")) / ordered.size)
    return np.asarray(np.mean(shares, axis=0), dtype=np.float64)


def profile_band(
    tables: Tables, taus: ArrayLike, *, draws: int = DRAWS, seed: int = 0, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Returns the lower and upper ends of the profile's interval at each of `taus`."""
    levels = np.atleast_1d(np.asarray(taus, dtype=np.float64))
    shares = []
    for table in _tables(tables):
        counts = _counts(table.shape, draws, seed, 0)
        total = _weighted(np.isfinite(table)[:, :, None], *counts)
        above = _weighted(table[:, :, None] > levels, *counts)
        shares.append(np.where(total > 0.0, above / np.maximum(total, 1.0), np.nan))
    low, high = np.nanquantile(np.mean(shares, axis=0), _ends(confidence), axis=0)
    return low, high


def rank_stability(tables: Mapping[str, Tables], *, draws: int = DRAWS, seed: int = 0) -> dict[str, Floats]:
    """Returns the share of resamples in which each method has each rank by its score.

    Args:
        tables: Scores of each method on the same episodes, by scenario; numbers of training seeds may differ.
        draws: Number of resamples; in each, all methods get the same resampled episodes.
        seed: Seed of the resampling.

    Returns:
        For each method, the shares of rank 1, 2, ..., with as many ranks as methods. Methods with equal scores share
        their ranks evenly.

    Raises:
        ValueError: the methods do not have the same episodes.
    """
    from scipy.stats import rankdata

    if len({tuple(table.shape[1] for table in _tables(own)) for own in tables.values()}) > 1:
        raise ValueError("methods must have played the same episodes of the same scenarios")
    means = [resampled_scores(own, draws=draws, seed=seed, method=k) for k, own in enumerate(tables.values())]
    ordered = -np.stack(means, axis=1)
    first, last = (rankdata(ordered, method=method, axis=1)[:, :, None] for method in ("min", "max"))
    ranks = np.arange(1, len(tables) + 1)
    held = ((first <= ranks) & (ranks <= last)) / (last - first + 1)
    return dict(zip(tables, held.mean(axis=0), strict=True))


def _gaps(ours: Tables, theirs: Tables) -> list[Floats]:
    """Returns score `ours` minus `theirs` for each scenario, shape (S, S', E)."""
    a, b = _tables(ours), _tables(theirs)
    if [table.shape[1] for table in a] != [table.shape[1] for table in b]:
        shapes = " and ".join(str([table.shape[1] for table in own]) for own in (a, b))
        raise ValueError(f"episodes must be paired, got {shapes} episodes by scenario")
    return [x[:, None] - y[None] for x, y in zip(a, b, strict=True)]


def _pair_estimate(pairs: Sequence[Floats], draws: int, seed: int, confidence: float) -> Estimate:
    """Returns the mean over scenarios of the means of pairs[ours, theirs, episode], with its interval."""
    values, resampled = [], []
    for part in pairs:
        known = np.isfinite(part)
        total, number = np.where(known, part, 0.0), known.astype(np.float64)
        if not number.sum():
            raise ValueError("no episode has a score of both methods")
        ours, episodes = _counts((part.shape[0], part.shape[2]), draws, seed, 1)
        theirs, _ = _counts((part.shape[1], part.shape[2]), draws, seed, 2)
        sums, numbers = (
            np.einsum("da,db,de,abe->d", ours, theirs, episodes, x, optimize=True) for x in (total, number)
        )
        values.append(total.sum() / number.sum())
        resampled.append(np.where(numbers > 0.0, sums / np.maximum(numbers, 1.0), np.nan))
    return _estimate(float(np.mean(values)), np.mean(resampled, axis=0), confidence)


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


def _weighted(values: NDArray[np.bool_], seeds: Floats, episodes: Floats) -> Floats:
    """Returns how many of values (S, E, T) are true, shape (draws, T); each counts as often as it was drawn."""
    by_seed = np.einsum("de,aet->dat", episodes, values.astype(np.float64), optimize=True)
    return np.asarray(np.einsum("da,dat->dt", seeds, by_seed, optimize=True), dtype=np.float64)


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


def _tables(tables: Tables) -> list[Floats]:
    if not len(tables):
        raise ValueError("scores of at least one scenario are needed")
    return [_table(table) for table in tables]


def _table(scores: Floats) -> Floats:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"scores of a scenario must have shape (training seeds, episodes), got {table.shape}")
    _some(table)
    return table


def _some(scores: Floats) -> Floats:
    """Returns the scores that are not NaN, in one dimension."""
    table = np.asarray(scores, dtype=np.float64)
    known = table[~np.isnan(table)]
    if not known.size or np.isinf(known).any():
        raise ValueError(f"scores must be finite numbers or NaN, and one of them a number, got {table.size} of them")
    return known
