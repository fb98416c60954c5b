"""Gaussian fields over steps and regions: short memory in time, shared weather between near regions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.kernels.compiling import entry

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats, Ints

EARTH_RADIUS_KM = 6371.0
Z_GRID: Floats = np.linspace(-6.0, 6.0, 1201)
"""Points at which functions of a standard normal are tabulated."""
MOST_ORDERS = 6
"""Functions of a latent are represented by at most so many Hermite polynomials after the constant."""
ENOUGH = 0.98
"""Share of the variance of a function that its polynomials explain, if MOST_ORDERS suffice."""
LEAST_DIFFERENCE = 1e-3
"""Two persistences that differ by a smaller share are moved apart, so that a field can be split into its two parts."""


class Known(NamedTuple):
    """What forecasts of one signal are made of, for N steps; `envs.model.types.Signals` explains the parts."""

    response: Floats  # (R, 1 + P, N) mean of the hour, then the response to the latent by order
    slow: Floats  # (R, N)
    fast: Floats  # (R, N)
    memory: Floats  # (4, R)
    ahead: Floats  # (R, K, N)
    day_start: Ints | None = None  # (R, D)
    days: Floats | None = None  # (R, 1 + K, D)
    days_kept: Floats | None = None  # (R,)


class Drawn(NamedTuple):
    """One phenomenon, drawn or recorded for N steps and R regions."""

    truth: Floats  # (N, R) the actual values
    known: Known  # in the unit of the truth

    @property
    def climatology(self) -> Floats:
        """The expectation by day of the year and hour, shape (N, R)."""
        return self.known.response[:, 0].T


class Law(NamedTuple):
    """Stationary law of x(t) = a x(t-1) + e(t), y(t) = b y(t-1) + x(t) with correlated innovations.

    With unit innovations u, the scaled y is the sum of a slow part s(t) = a s(t-1) + alpha u(t) and a fast part
    f(t) = b f(t-1) + beta u(t). `memory` holds a, b, alpha and beta.
    """

    innovation_root: Floats  # (R, R) root of the covariance of e
    start_root: Floats  # (2R, 2R) root of the covariance of the state (x, y)
    unit_root: Floats  # (R, R) root of the covariance of u
    slow_per_x: Floats  # (R,) the slow part is this times x
    scale: Floats  # (R,) scales y to the field's variance
    memory: Floats  # (4, R)


class Course(NamedTuple):
    """A drawn field in its two parts, with the innovations that push it; each (R, N)."""

    slow: Floats
    fast: Floats
    innovations: Floats  # of unit variance; those of the first step are not used


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


def field_law(
    a: tuple[float, ...], shared: Floats, b: tuple[float, ...] | None = None, variance: Floats | float = 1.0
) -> Law:
    """Parameters of a stationary normal field of mean 0.

    Args:
        a: correlation from one step to the next in each region.
        shared: correlation of innovations between regions, shape (R, R).
        b: a second, shorter persistence that smooths the first; 0 for none.
        variance: of the field in each region.
    """
    x, y = np.array(a), np.array(b if b is not None else (0.0,) * len(a))
    y = np.where((y > 0) & (np.abs(x - y) < LEAST_DIFFERENCE * x), x * (1 - LEAST_DIFFERENCE), y)
    spread = np.sqrt(1 - x**2)
    innovation = shared * np.outer(spread, spread)
    xx = innovation / (1 - np.outer(x, x))
    lead = np.outer(y, x)
    yx = xx / (1 - lead)
    yy = xx * (1 + lead / (1 - lead) + lead.T / (1 - lead.T)) / (1 - np.outer(y, y))
    start, root = np.block([[xx, yx.T], [yx, yy]]), _root(innovation)
    scale = np.sqrt(variance / np.diag(yy))
    apart = np.where(y > 0, x - y, 1.0)
    slow_per_x = scale * np.where(y > 0, x / apart, 1.0)
    memory = np.stack([x, y, slow_per_x * spread, -scale * spread * y / apart])
    return Law(root, _root(start), root / spread[:, None], slow_per_x, scale, memory)


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    result: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
    return result


def field(n: int, law: Law, rng: np.random.Generator) -> Floats:
    """A stationary normal field, shape (N, R), contiguous in memory for each region.

    Args:
        n: number of steps N.
        law: result of `field_law`.
        rng: the only source of randomness.
    """
    course = draw_course(n, law, rng)
    return (course.slow + course.fast).T


def draw_course(n: int, law: Law, rng: np.random.Generator) -> Course:
    """A stationary normal field in its two parts; the arguments are those of `field`."""
    regions = law.scale.size
    z = rng.standard_normal((n + 2) * regions)
    start = law.start_root @ z[: 2 * regions]
    course = Course(*(np.empty((regions, n)) for _ in range(3)))
    run_course(z[2 * regions :].reshape(n, regions), start, law, course)
    return course


@entry
def run_course(normals: Floats, start: Floats, law: Law, course: Course) -> None:
    """Fills a course from standard normals, shape (N, R), and the state (2R,) in which the field starts."""
    n, regions = normals.shape
    for r in range(regions):
        a, b, scale, slow_per_x = law.memory[0, r], law.memory[1, r], law.scale[r], law.slow_per_x[r]
        push = np.sqrt(1.0 - a * a)
        x, y = start[r], start[regions + r]
        for t in range(n):
            unit = 0.0
            for i in range(regions):
                unit += law.unit_root[r, i] * normals[t, i]
            course.innovations[r, t] = unit
            if t > 0:
                x = a * x + push * unit
                y = b * y + x
            course.slow[r, t] = slow_per_x * x
            course.fast[r, t] = scale * y - slow_per_x * x


def hermite_terms(values: Floats, orders: int) -> Floats:
    """Coefficients of functions of a standard normal in Hermite polynomials He(p), shape (1 + orders, ...).

    Args:
        values: the functions, tabulated at `Z_GRID` along the last axis.
        orders: the highest order.
    """
    density = np.exp(-0.5 * Z_GRID**2)
    density /= density.sum()
    terms, older, newer = [values @ density], np.zeros_like(Z_GRID), np.ones_like(Z_GRID)
    for order in range(1, orders + 1):
        older, newer = newer, Z_GRID * newer - (order - 1) * older
        terms.append(values @ (density * newer) / math.factorial(order))
    return np.array(terms)


def orders_needed(terms: Floats, variance: Floats) -> int:
    """The highest order that forecasts need: 1, or the first from 3 on that explains the functions well enough.

    Args:
        terms: coefficients, see `hermite_terms`, shape (1 + orders, R).
        variance: variance of the functions, shape (R,).
    """
    explained, enough = np.zeros_like(variance), ENOUGH * variance
    for order in range(1, terms.shape[0]):
        explained = explained + math.factorial(order) * terms[order] ** 2
        if order != 2 and (explained >= enough).all():
            return order
    return terms.shape[0] - 1
