"""How far ahead the innovations of sun, wind, requests and carbon are known: the law of forecasts.

A latent z is the sum of past innovations that decay (`gaussian.py`). Each innovation is the sum of independent pieces
(`split_innovations`). Piece 0 is known when it happens, piece k a fixed time before, its level. A forecast issued L
hours ahead knows of each coming innovation the pieces whose level is at least its lead. With the share w(k) of piece k
and its level l(k), the forecast explains the share

    q(L) = sum over k of w(k) R(max(0, L - l(k)))

of the variance of z, where R is persistence: what the present latent explains of the latent some hours later.

The target of q is exp(-2 (1 - skill) L / memory), and at least R(L), because whoever sees the present can always count
on persistence. The shares are the non-negative ones that come closest to the target. At skill 1 all is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.kernels.compiling import entry

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Forecast
    from wattward.envs.model.types import Floats, Ints
    from wattward.envs.world.processes.gaussian import Course, Law

LEVELS = (1 / 16, 1 / 6, 1 / 3, 7 / 12, 1.0)
"""Times ahead at which pieces become known, as shares of the forecast horizon."""
LEAST_WEIGHT = 0.005
"""Pieces with a smaller share of the variance are left out."""
FIRM = 1e3
"""Weight of the condition that the shares sum to 1."""


class Foresight(NamedTuple):
    """How far ahead the innovations of one quantity are known."""

    weights: Floats  # (1 + K, R) shares of the pieces; they sum to 1
    explained: Floats  # (L, R) share of the latent's variance that forecasts explain by lead


def lead_levels(horizon: int) -> Ints:
    """The K levels, ascending [steps]; the last is the horizon."""
    return np.unique(np.maximum(1, np.rint(np.array(LEVELS) * horizon)).astype(np.int64))


def level_of_lead(horizon: int) -> Ints:
    """The first level that reaches as far as each lead, shape (L,)."""
    return np.searchsorted(lead_levels(horizon), np.arange(horizon + 1)).astype(np.int64)


def persistence_curve(memory: Floats, n_leads: int) -> Floats:
    """Share of a latent's variance that its present state explains by lead, shape (L, R).

    Args:
        memory: what the slow and the fast part keep and get, see `gaussian.Law`, shape (4, R).
        n_leads: number of leads L.
    """
    a, b, alpha, beta = memory
    variance = alpha**2 / (1 - a**2) + 2 * alpha * beta / (1 - a * b) + beta**2 / (1 - b**2)
    lag = np.arange(n_leads - 1)[:, None]
    pushed = np.cumsum((alpha * a**lag + beta * b**lag) ** 2, axis=0)
    curve: Floats = 1.0 - np.concatenate([np.zeros((1, a.size)), pushed / variance])
    return curve


def foresee(forecast: Forecast, step_h: float, memory_h: float, persistence: Floats) -> Foresight:
    """The shares of the pieces that come closest to the target.

    Args:
        forecast: gives the skill.
        step_h: length of a step [h].
        memory_h: memory of the quantity's forecasts.
        persistence: share of the variance that the present explains by lead, shape (L, R).
    """
    from scipy.optimize import nnls

    n_leads, n_regions = persistence.shape
    fading = np.exp(-2.0 * (1.0 - forecast.skill) * np.arange(n_leads) * step_h / memory_h)
    weights = np.empty((1 + lead_levels(n_leads - 1).size, n_regions))
    for r in range(n_regions):
        known = _by_piece(persistence[:, r])
        firm = np.full((1, known.shape[1]), FIRM)
        target = np.append(np.maximum(fading, persistence[:, r]), FIRM)
        shares = nnls(np.vstack([known, firm]), target)[0]
        shares[shares < LEAST_WEIGHT * shares.sum()] = 0.0
        weights[:, r] = shares / shares.sum()
    return Foresight(weights, explained_by(weights, persistence))


def explained_by(weights: Floats, persistence: Floats) -> Floats:
    """Share of the variance that forecasts explain by lead, shape (L, R).

    Args:
        weights: shares of the pieces, shape (1 + K, R).
        persistence: share of the variance that the present explains by lead, shape (L, R).
    """
    return np.stack([_by_piece(column) @ shares for column, shares in zip(persistence.T, weights.T, strict=True)], 1)


def _by_piece(persistence: Floats) -> Floats:
    """Share of the variance that is explained by lead if each innovation is one of the pieces, shape (L, 1 + K)."""
    horizon = persistence.size - 1
    lead = np.arange(horizon + 1)[:, None]
    level = np.append(0, lead_levels(horizon))
    curves: Floats = persistence[np.maximum(0, lead - level)]
    return curves


def draw_ahead(course: Course, law: Law, weights: Floats, rng: np.random.Generator) -> Floats:
    """Draws what is known of a field's innovations at leads up to each level, shape (R, K, N).

    Args:
        course: the drawn field.
        law: its law.
        weights: shares of the pieces, shape (1 + K, R).
        rng: the only source of randomness.
    """
    pieces = np.flatnonzero(weights[1:].any(axis=1))
    noise = law.unit_root @ rng.standard_normal((pieces.size, *course.innovations.shape))
    return known_ahead(course.innovations, weights, pieces, noise)


def known_ahead(innovations: Floats, weights: Floats, pieces: Ints, noise: Floats) -> Floats:
    """What is known of innovations at leads up to each level, shape (R, K, N); see `split_innovations`."""
    ahead = np.zeros((innovations.shape[0], weights.shape[0] - 1, innovations.shape[1]))
    if pieces.size:
        split_innovations(innovations, weights, pieces, noise, ahead)
    return ahead


@entry
def split_innovations(innovations: Floats, weights: Floats, pieces: Ints, noise: Floats, ahead: Floats) -> None:
    """Splits each innovation into independent pieces whose sum it is, and adds up those that are known ahead.

    The pieces are drawn from the last to the first, each given what is left of the innovation: with the rest e of
    variance W, a piece with the share w of the variance has the mean e w / W and the variance w (1 - w / W).

    Args:
        innovations: shape (R, N), of unit variance.
        weights: shares of the 1 + K pieces, shape (1 + K, R); piece 0 is known only when it happens.
        pieces: the pieces after piece 0 that have a share somewhere, counted from 0, ascending, shape (A,).
        noise: normals of these pieces, shape (A, R, N), of the innovations' spread and correlation between regions.
        ahead: receives the sum of the pieces k + 1 to K at place k, shape (R, K, N).
    """
    regions, levels, n = ahead.shape
    for r in range(regions):
        left, drawn = 1.0, pieces.size
        for k in range(levels - 1, -1, -1):
            known = ahead[r, k]
            for t in range(n):
                known[t] = ahead[r, k + 1, t] if k < levels - 1 else 0.0
            if drawn > 0 and pieces[drawn - 1] == k:
                drawn -= 1
                weight, own = weights[k + 1, r], noise[drawn, r]
                share = weight / left if weight < left else 1.0
                spread = np.sqrt(weight * (1.0 - share))
                for t in range(n):
                    known[t] += share * (innovations[r, t] - known[t]) + spread * own[t]
                left -= weight
