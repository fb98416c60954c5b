"""Gaussian fields over steps and regions: short memory in time, shared weather between near regions."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from wattward.configs.region_schema import Region
from wattward.envs.types import Floats

EARTH_RADIUS_KM = 6371.0
Z_GRID: Floats = np.linspace(-6.0, 6.0, 1201)
"""Where marginals of a standard normal are tabulated."""


class Drawn(NamedTuple):
    """One phenomenon drawn for N steps and R regions; all three in one unit."""

    truth: Floats  # (N, R) what happens
    usual: Floats  # (N, R) the expectation for that day of the year and hour
    noise: Floats  # (N, R) a second anomaly of the same law, independent of truth - usual


class Law(NamedTuple):
    """Stationary law of x(t) = a x(t-1) + e(t), y(t) = b y(t-1) + x(t) with correlated innovations."""

    a: Floats  # (R,)
    b: Floats  # (R,)
    innovation_root: Floats  # (R, R)
    start_root: Floats  # (2R, 2R) of the state (x, y)
    scale: Floats  # (R,) that gives y unit variance


def distances_km(places: tuple[tuple[float, float], ...]) -> Floats:
    """Great-circle distances between (latitude, longitude) pairs in degrees, shape (R, R) [km]."""
    lat, lon = np.radians(np.array(places)).T
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    result: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return result


def shared_weather(regions: tuple[Region, ...], reach_km: float) -> Floats:
    """Correlation exp(-distance / reach) of the weather of every two regions, shape (R, R); positive semidefinite."""
    places = tuple((region.site.latitude_deg, region.site.longitude_deg) for region in regions)
    result: Floats = np.exp(-distances_km(places) / reach_km)
    return result


def persistence(step_h: float, memory_h: tuple[float, ...]) -> tuple[float, ...]:
    """Correlation from one step to the next, exp(-step / memory); 0 where memory is 0."""
    return tuple(float(np.exp(-step_h / hours)) if hours > 0 else 0.0 for hours in memory_h)


@lru_cache(maxsize=256)
def _law(a: tuple[float, ...], b: tuple[float, ...], shared: bytes) -> Law:
    x, y = np.array(a), np.array(b)
    spread = np.sqrt(1 - x**2)
    innovation = np.frombuffer(shared).reshape(x.size, x.size) * np.outer(spread, spread)
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


def decay(pushes: Floats, a: Floats) -> Floats:
    """Solves x(t) = a x(t-1) + push(t) with x(-1) = 0, shapes (N, R) and (R,).

    Doubles the reach of the sum at each turn, so it takes log2(N) array operations.
    """
    x = pushes.copy()
    shift, power = 1, a
    while shift < len(x):
        x[shift:] += power * x[:-shift]
        shift, power = 2 * shift, power**2
    return x


def field(
    n: int, a: tuple[float, ...], shared: Floats, rng: np.random.Generator, b: tuple[float, ...] | None = None
) -> Floats:
    """A stationary standard normal field, shape (N, R).

    Args:
        n: steps N.
        a: correlation from one step to the next in each region.
        shared: correlation of innovations between regions, shape (R, R).
        rng: the only source of randomness.
        b: a second, shorter persistence that smooths the first; none where 0.
    """
    smooth = b if b is not None else (0.0,) * len(a)
    law = _law(a, smooth, np.ascontiguousarray(shared, dtype=np.float64).tobytes())
    regions = len(a)
    x0, y0 = np.split(law.start_root @ rng.standard_normal(2 * regions), 2)
    pushes = rng.standard_normal((n, regions)) @ law.innovation_root.T
    pushes[0] = x0
    x = decay(pushes, law.a)
    x[0] = y0
    return decay(x, law.b) * law.scale
