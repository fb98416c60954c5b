"""Gaussian fields over steps and regions: short memory in time, shared weather between near regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.kernels.compiling import entry

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats

EARTH_RADIUS_KM = 6371.0
Z_GRID: Floats = np.linspace(-6.0, 6.0, 1201)
"""Points at which functions of a standard normal are tabulated."""


class Drawn(NamedTuple):
    """One phenomenon, drawn for N steps and R regions; all three arrays have the same unit."""

    truth: Floats  # (N, R) the actual values
    climatology: Floats  # (N, R) the expectation by day of the year and hour
    noise: Floats  # (N, R) a second anomaly of the same law, independent of truth - climatology


class Law(NamedTuple):
    """Stationary law of x(t) = a x(t-1) + e(t), y(t) = b y(t-1) + x(t) with correlated innovations."""

    a: Floats  # (R,)
    b: Floats  # (R,)
    innovation_root: Floats  # (R, R) root of the covariance of e
    start_root: Floats  # (2R, 2R) root of the covariance of the state (x, y)
    scale: Floats  # (R,) scales y to unit variance


def distances_km(places: tuple[tuple[float, float], ...]) -> Floats:
    """Great-circle distances between (latitude, longitude) pairs in degrees, shape (R, R) [km]."""
    lat, lon = np.radians(np.array(places)).T
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    result: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return result


def shared_weather(places: tuple[tuple[float, float], ...], reach_km: float) -> Floats:
    """Correlation exp(-distance / reach) of the weather of every two places, shape (R, R); positive semidefinite."""
    result: Floats = np.exp(-distances_km(places) / reach_km)
    return result


def persistence(step_h: float, memory_h: tuple[float, ...]) -> tuple[float, ...]:
    """Correlation from one step to the next, exp(-step / memory); 0 where memory is 0."""
    return tuple(float(np.exp(-step_h / hours)) if hours > 0 else 0.0 for hours in memory_h)


def field_law(a: tuple[float, ...], shared: Floats, b: tuple[float, ...] | None = None) -> Law:
    """Parameters of a stationary standard normal field.

    Args:
        a: correlation from one step to the next in each region.
        shared: correlation of innovations between regions, shape (R, R).
        b: a second, shorter persistence that smooths the first; 0 for none.
    """
    x, y = np.array(a), np.array(b if b is not None else (0.0,) * len(a))
    spread = np.sqrt(1 - x**2)
    innovation = shared * np.outer(spread, spread)
    xx = innovation / (1 - np.outer(x, x))
    lead = np.outer(y, x)
    yx = xx / (1 - lead)
    yy = xx * (1 + lead / (1 - lead) + lead.T / (1 - lead.T)) / (1 - np.outer(y, y))
    start = np.block([[xx, yx.T], [yx, yy]])
    return Law(x, y, _root(innovation), _root(start), 1 / np.sqrt(np.diag(yy)))


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    result: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
    return result


def field(n: int, law: Law, rng: np.random.Generator) -> Floats:
    """A stationary standard normal field, shape (N, R), contiguous in memory for each region.

    Args:
        n: number of steps N.
        law: result of `field_law`.
        rng: the only source of randomness.
    """
    regions = law.a.size
    z = rng.standard_normal((n + 2) * regions)
    start = law.start_root @ z[: 2 * regions]
    pushes = z[2 * regions :].reshape(n, regions) @ law.innovation_root.T
    y = np.empty((regions, n))
    _run(pushes, start, law.a, law.b, law.scale, y)
    return y.T


@entry
def _run(pushes: Floats, start: Floats, a: Floats, b: Floats, scale: Floats, y: Floats) -> None:
    """Fills y (R, N) from pushes (N, R) and the state (2R,) in which the field starts."""
    regions, n = y.shape
    x, spare = np.empty(n), np.empty(n)
    for r in range(regions):
        x[0] = start[r]
        for t in range(1, n):
            x[t] = pushes[t, r]
        decay(x, spare, a[r])
        x[0] = start[regions + r]
        if b[r] != 0.0:
            decay(x, spare, b[r])
        for t in range(n):
            y[r, t] = x[t] * scale[r]


@entry
def decay(x: Floats, spare: Floats, a: float) -> None:
    """Solves x(t) = a x(t-1) + push(t) with x(-1) = 0 in place of the pushes, shape (N,); `spare` has the same length.

    Each iteration doubles the reach of the sum, so that all steps can be computed at once.
    """
    n, shift, power = x.size, 1, a
    while shift < n:
        earlier, later = x[: n - shift], x[shift:]
        for t in range(n - shift):
            spare[t] = power * earlier[t]
        for t in range(n - shift):
            later[t] += spare[t]
        shift, power = 2 * shift, power * power
