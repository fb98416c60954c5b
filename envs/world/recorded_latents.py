"""Latents of recorded series, so that forecasts of them are made as those of drawn ones.

The latent of a series is its deviation from the mean of the month and step of the day, in units of the spread of that
time. It is taken for the sum of a slow and a fast part that the same innovations push (`processes/gaussian.py`). Their
memories are those that fit the recorded autocorrelation best; innovations are what is left. Where a series hardly
varies, as sun at night, the latent follows its expectation. A series with such gaps has the slow part alone, because a
fast part would take the jump after a gap for a steep slope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.kernels.compiling import entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wattward.envs.model.types import Floats, Ints

STILL = 0.01
"""Where a series varies less than this share of its greatest spread, nothing is forecast but the mean."""
ECHO_H = 3.0
"""Innovations of interpolated series hang together for some hours; noise that hides them does so as long."""
LAGS_H = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 18.0, 24.0)
"""Lags at which the autocorrelation is fitted."""
MEMORIES_H = np.geomspace(0.5, 240.0, 41)
RELAXED: Floats = np.linspace(1.0, 0.0, 21)
"""How far the mix of the two parts may go from that of the slow part alone to the best fit."""


class Latents(NamedTuple):
    """The latents of a recorded series in R regions and S steps."""

    response: Floats  # (R, 2, S) mean of the month and step of the day, then the spread, which is 0 where it is small
    slow: Floats  # (R, S)
    fast: Floats  # (R, S)
    innovations: Floats  # (R, S)
    push_spread: Floats  # (R, S) spread of the innovations in the month and step of the day
    echo: Floats  # (R, E) weights that give white noise the autocorrelation of the innovations
    memory: Floats  # (4, R) see `processes.gaussian.Law`


def latents_of(values: Floats, bucket: Ints, step_h: float, least_spread: float = STILL) -> Latents:
    """The latents of a series.

    Args:
        values: the series, shape (S, R).
        bucket: number of the month and step of the day of each step, or of the step of the day alone, shape (S,).
        step_h: length of a step [h].
        least_spread: share of the greatest spread below which a series hardly varies.
    """
    series = np.ascontiguousarray(values.T)
    mean = _means(series, bucket)
    spread = np.sqrt(_means((series - mean) ** 2, bucket))
    varies = spread > least_spread * spread.max(axis=1, keepdims=True)
    spread = np.where(varies, spread, 0.0)
    latent = np.divide(series - mean, spread, out=np.zeros_like(series), where=varies)
    memory = np.stack([_memory(z, weight, step_h) for z, weight in zip(latent, spread, strict=True)], axis=1)
    slow, fast, innovations = (np.empty_like(series) for _ in range(3))
    _unfold(latent, varies, memory, slow, fast, innovations)
    push_spread = np.sqrt(_means(innovations**2, bucket))
    units = _units(innovations, push_spread)
    echo = np.stack([_echo(row, round(ECHO_H / step_h)) for row in units])
    return Latents(np.stack([mean, spread], axis=1), slow, fast, innovations, push_spread, echo, memory)


def innovation_root(parts: list[Latents]) -> Floats:
    """Root of the correlation of innovations between all series and regions, shape (G, G)."""
    units = np.concatenate([_units(part.innovations, part.push_spread) for part in parts])
    size = np.sqrt((units**2).sum(axis=1))
    correlation = units @ units.T / np.maximum(np.outer(size, size), 1e-12)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    root: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def draw_noise(latents: Latents, root: Floats, at: Ints, pieces: int, rng: np.random.Generator) -> Floats:
    """Noise with the spread, memory and correlation of innovations, shape (pieces, R, N).

    Args:
        latents: the latents of one series.
        root: its rows of the root of the correlation with all series recorded with it, shape (R, G).
        at: the steps that play, shape (N,).
        pieces: the number of independent noises.
        rng: the only source of randomness.
    """
    lags = latents.echo.shape[1]
    white = root @ rng.standard_normal((pieces, root.shape[1], at.size + lags - 1))
    noise = np.zeros((pieces, root.shape[0], at.size))
    for lag in range(lags):
        noise += latents.echo[:, lag, None] * white[:, :, lags - 1 - lag : lags - 1 - lag + at.size]
    noise *= latents.push_spread[:, at]
    return noise


def _echo(units: Floats, lags: int) -> Floats:
    """Weights of the last white numbers in a sum that has the autocorrelation of a series, shape (lags + 1,).

    They are the minimum-phase factor of the series' spectrum, from its autocorrelation up to `lags`.
    """
    size = 16 * (lags + 1)
    covariance = np.array([units[: units.size - lag] @ units[lag:] for lag in range(lags + 1)])
    tapered = np.zeros(size)
    tapered[: lags + 1] = covariance * (1.0 - np.arange(lags + 1) / (lags + 1))
    tapered[-lags:] = tapered[lags:0:-1]
    spectrum = np.fft.rfft(tapered).real
    cepstrum = np.fft.irfft(np.log(np.maximum(spectrum, 1e-6 * max(spectrum.max(), 1e-12))))
    cepstrum[1 : size // 2] *= 2.0
    cepstrum[size // 2 + 1 :] = 0.0
    weights = np.fft.irfft(np.exp(np.fft.rfft(cepstrum) - cepstrum[0] / 2))[: lags + 1]
    result: Floats = weights / np.sqrt((weights**2).sum())
    return result


def _units(innovations: Floats, spread: Floats) -> Floats:
    return np.divide(innovations, spread, out=np.zeros_like(innovations), where=spread > 0)


def _means(series: Floats, bucket: Ints) -> Floats:
    """The mean of each bucket at its steps, shape (R, S)."""
    count = np.maximum(1, np.bincount(bucket))
    return np.stack([(np.bincount(bucket, weights=row) / count)[bucket] for row in series])


def _memory(latent: Floats, weight: Floats, step_h: float) -> Floats:
    """What the slow and the fast part keep from step to step, and what a unit innovation adds to them, shape (4,).

    Args:
        latent: shape (S,).
        weight: weight of each step in the autocorrelation, 0 in gaps, shape (S,).
        step_h: length of a step [h].
    """
    lags = np.unique(np.maximum(1, np.rint(np.array(LAGS_H) / step_h)).astype(np.int64))
    lags = lags[lags < latent.size]
    weights = np.array([weight[lag:] @ weight[:-lag] for lag in lags])
    products = np.array([(weight * latent)[lag:] @ (weight * latent)[:-lag] for lag in lags])
    recorded = np.divide(products, weights, out=np.zeros(lags.size), where=weights > 0)
    kept = np.exp(-step_h / MEMORIES_H)
    if not weight.all():
        alone = kept[np.argmin(((kept[:, None] ** lags - recorded) ** 2).sum(axis=1))]
        return np.array([alone, 0.0, np.sqrt(1.0 - alone**2), 0.0])
    i, j = np.triu_indices(kept.size, 1)
    slow, fast = kept[j], kept[i]
    a, b = slow[:, None] ** lags, fast[:, None] ** lags
    best_mix = ((recorded - b) * (a - b)).sum(axis=1) / ((a - b) ** 2).sum(axis=1)
    mix = 1.0 + RELAXED[:, None] * (best_mix - 1.0)
    miss = ((mix[..., None] * a + (1.0 - mix[..., None]) * b - recorded) ** 2).sum(axis=-1)
    pushes = _pushes(slow, fast, mix)
    at = np.unravel_index(np.argmin(np.where(np.isfinite(pushes[0]), miss, np.inf)), miss.shape)
    return np.array([slow[at[1]], fast[at[1]], pushes[0][at], pushes[1][at]])


def _pushes(a: Floats, b: Floats, mix: Floats) -> tuple[Floats, Floats]:
    """What a unit innovation adds to the slow and to the fast part.

    A latent of variance 1 then has the autocorrelation mix x a^k + (1 - mix) x b^k, and follows from its past by a
    filter that forgets its start. NaN where no such innovations exist.
    """
    square, linear, constant = mix / (1 - b * b), (2 * mix - 1) / (1 - a * b), (mix - 1) / (1 - a * a)
    alpha, beta = np.full(mix.shape, np.nan), np.full(mix.shape, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        for sign in (1.0, -1.0):
            ratio = (-linear + sign * np.sqrt(linear * linear - 4 * square * constant)) / (2 * square)
            variance = 1 / (1 - a * a) + 2 * ratio / (1 - a * b) + ratio * ratio / (1 - b * b)
            forgets = np.abs(b + ratio * a) < np.abs(1 + ratio)
            alpha = np.where(forgets, 1 / np.sqrt(variance), alpha)
            beta = np.where(forgets, ratio / np.sqrt(variance), beta)
    return alpha, beta


@entry
def _unfold(
    latent: Floats, varies: NDArray[np.bool_], memory: Floats, slow: Floats, fast: Floats, innovations: Floats
) -> None:
    """Splits latents (R, S) into slow and fast parts and innovations; the year's end is joined to its start."""
    for r in range(latent.shape[0]):
        a, b, alpha, beta = memory[0, r], memory[1, r], memory[2, r], memory[3, r]
        s, f = 0.0, 0.0
        for _ in range(2):  # the first time only to find the state at the start
            for t in range(latent.shape[1]):
                push = (latent[r, t] - a * s - b * f) / (alpha + beta) if varies[r, t] else 0.0
                s, f = a * s + alpha * push, b * f + beta * push
                slow[r, t], fast[r, t], innovations[r, t] = s, f, push
