"""Wind power: a stochastic wind speed and a published power curve from windpowerlib."""

from __future__ import annotations

import difflib
import warnings
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.envs.model.caching import cached_for_owner, cached_table
from wattward.envs.world.processes.calendar import (
    DAY_MINUTES,
    DAYS_OF_YEAR,
    YEAR_DAYS,
    days_of_year,
    minutes_of_day,
    place_in_period,
    wave,
)
from wattward.envs.world.processes.forecast import Foresight, draw_ahead, foresee, persistence_curve
from wattward.envs.world.processes.gaussian import (
    MOST_ORDERS,
    Z_GRID,
    Drawn,
    Known,
    Law,
    draw_course,
    field_law,
    hermite_terms,
    orders_needed,
    persistence,
    shared_weather,
)
from wattward.envs.world.processes.lookup import interpolate_rows

if TYPE_CHECKING:
    from wattward.configs.schema.region import Region, Wind
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats

SPEED_GRID: Floats = np.linspace(0.0, 60.0, 601)
"""[m/s]"""
SCALE_GRID: Floats = np.linspace(0.0, 2.0, 81)


@lru_cache(maxsize=64)
def published_curve(turbine: str) -> Floats:
    """Power / nominal power at `SPEED_GRID`, shape (601,).

    Raises:
        ConfigError: windpowerlib has no power curve of this turbine.
    """
    return cached_table(
        "turbine", f"{version('windpowerlib')}|{turbine}", SPEED_GRID.size, lambda: _published_curve(turbine)
    )


def _published_curve(turbine: str) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # windpowerlib's own use of pandas
        return _read_published_curve(turbine)


def _read_published_curve(turbine: str) -> Floats:
    from windpowerlib import WindTurbine
    from windpowerlib.data import get_turbine_types

    types = get_turbine_types(turbine_library="local", print_out=False)
    known = sorted(types.loc[types["has_power_curve"], "turbine_type"])
    if turbine not in known:
        near = difflib.get_close_matches(turbine, known, n=3, cutoff=0.3)
        raise ConfigError(f"wind.turbine = {turbine}: windpowerlib has no such power curve; near: {', '.join(near)}")
    machine = WindTurbine(hub_height=100, turbine_type=turbine)
    curve = machine.power_curve
    watts = np.interp(SPEED_GRID, curve["wind_speed"], curve["value"], left=0.0, right=0.0)
    result: Floats = np.clip(watts / machine.nominal_power, 0.0, 1.0)
    return result


@lru_cache(maxsize=64)
def power_curve(turbine: str, spread_m_per_s: float) -> Floats:
    """The published curve, averaged over turbines with normally distributed speeds, shape (601,)."""
    curve = published_curve(turbine)
    if spread_m_per_s == 0:
        return curve
    offset = SPEED_GRID[:, None] - SPEED_GRID[None, :]
    weight = np.exp(-0.5 * (offset / spread_m_per_s) ** 2)
    result: Floats = (weight / weight.sum(axis=1, keepdims=True)) @ curve
    return result


@lru_cache(maxsize=64)
def _speed_table(shape: float) -> Floats:
    """A Weibull speed of mean 1 at `Z_GRID`."""
    from scipy.special import gamma, log_ndtr

    result: Floats = (-log_ndtr(-Z_GRID)) ** (1 / shape) / gamma(1 + 1 / shape)
    return result


def power_factor(z: Floats, scale: Floats, wind: Wind) -> Floats:
    """Capacity factor for a standard normal `z` when the mean speed is `scale` times the annual mean, same shape."""
    speed = wind.speed_mean_m_per_s * scale * np.interp(z, Z_GRID, _speed_table(wind.speed_shape))
    return np.interp(speed, SPEED_GRID, power_curve(wind.turbine, wind.curve_spread_m_per_s))


@lru_cache(maxsize=64)
def _terms_table(wind: Wind) -> Floats:
    """Coefficients of the capacity factor in Hermite polynomials at `SCALE_GRID`, shape (1 + MOST_ORDERS, 81)."""
    z, scale = np.broadcast_arrays(Z_GRID, SCALE_GRID[:, None])
    return hermite_terms(power_factor(z, scale, wind), MOST_ORDERS)


@lru_cache(maxsize=64)
def _variance_table(wind: Wind) -> Floats:
    """Variance of the capacity factor at `SCALE_GRID`."""
    z, scale = np.broadcast_arrays(Z_GRID, SCALE_GRID[:, None])
    squares: Floats = hermite_terms(power_factor(z, scale, wind) ** 2, 0)[0]
    return squares - _terms_table(wind)[0] ** 2


def mean_factor(scale: Floats, wind: Wind) -> Floats:
    """Expected capacity factor when the mean speed is `scale` times the annual mean, same shape."""
    return np.interp(scale, SCALE_GRID, _terms_table(wind)[0])


def speed_scale(day_of_year: Floats, hour: Floats, wind: Wind) -> Floats:
    """Mean speed of a day and hour / annual mean speed, in the broadcast shape of the arguments."""
    return _season(day_of_year, wind) + _day(hour, wind)


def _season(day_of_year: Floats, wind: Wind) -> Floats:
    return 1.0 + wind.season_amplitude * wave(day_of_year - wind.windiest_day_of_year, YEAR_DAYS)


def _day(hour: Floats, wind: Wind) -> Floats:
    return wind.day_amplitude * wave(hour - wind.windiest_hour, 24.0)


@lru_cache(maxsize=64)
def mean_wind_factor(region: Region) -> float:
    """Expected capacity factor over a year; 0 if neither the plant nor the grid has wind."""
    if not _has_wind(region):
        return 0.0
    days, hours = np.arange(1.0, 366.0)[:, None], np.arange(24.0)
    return float(mean_factor(speed_scale(days, hours, region.wind), region.wind).mean())


def _has_wind(region: Region) -> bool:
    return region.wind.capacity_kw > 0 or region.carbon.wind_share > 0


class WindLaw(NamedTuple):
    """Parameters of the winds of R regions; tables are 0 where there is no wind."""

    season: Floats  # (R, 367) mean speed / annual mean, by day of the year
    day: Floats  # (R, steps in a day) the daily wave of the same
    speed_m_per_s: Floats  # (R,) annual mean
    speed_tables: Floats  # (R, 1201) speed over its mean at `Z_GRID`
    power_tables: Floats  # (R, 601) capacity factor at `SPEED_GRID`
    term_tables: Floats  # (1 + P, R, 81) coefficients of the capacity factor in Hermite polynomials at `SCALE_GRID`
    weather: Law
    foresight: Foresight


@cached_for_owner
def wind_law(scenario: Scenario) -> WindLaw:
    """Parameters that all episodes of a scenario share."""
    winds, blows = [region.wind for region in scenario.regions], [_has_wind(region) for region in scenario.regions]
    hour = minutes_of_day(scenario.step_minutes) / 60.0
    calm, never = np.zeros_like(SPEED_GRID), np.zeros((1 + MOST_ORDERS, SCALE_GRID.size))
    memory = persistence(scenario.step_h, tuple(wind.correlation_h for wind in winds))
    smooth = persistence(scenario.step_h, tuple(wind.smoothing_h for wind in winds))
    powers = [
        power_curve(w.turbine, w.curve_spread_m_per_s) if blow else calm for w, blow in zip(winds, blows, strict=True)
    ]
    weather = field_law(memory, shared_weather(scenario.places, scenario.weather_correlation_km), smooth)
    persists = persistence_curve(weather.memory, scenario.horizon + 1)
    terms = np.stack([_terms_table(wind) if blow else never for wind, blow in zip(winds, blows, strict=True)], axis=1)
    orders = max([_orders_needed(wind) for wind, blow in zip(winds, blows, strict=True) if blow], default=1)
    return WindLaw(
        np.stack([_season(DAYS_OF_YEAR, wind) for wind in winds]),
        np.stack([_day(hour, wind) for wind in winds]),
        np.array([wind.speed_mean_m_per_s for wind in winds]),
        np.stack([_speed_table(wind.speed_shape) for wind in winds]),
        np.stack(powers),
        terms[: 1 + orders],
        weather,
        foresee(scenario.forecast, scenario.step_h, scenario.forecast.wind_memory_h, persists),
    )


@lru_cache(maxsize=64)
def _orders_needed(wind: Wind) -> int:
    """The highest order of polynomials that the capacity factor needs, over the hours of a year."""
    scale = speed_scale(np.arange(1.0, 366.0)[:, None], np.arange(24.0), wind)
    squares = np.stack([np.interp(scale, SCALE_GRID, row**2).mean() for row in _terms_table(wind)])
    return orders_needed(np.sqrt(squares)[:, None], np.interp(scale, SCALE_GRID, _variance_table(wind)).mean()[None])


def draw_wind_factor(scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator) -> Drawn:
    """Capacity factors of wind plants, 0..1, and what forecasts of them are made of."""
    law, step = wind_law(scenario), scenario.step_minutes
    scale = law.season.take(days_of_year(start_minute, n, step), axis=1)
    scale += law.day.take(place_in_period(start_minute, n, step, DAY_MINUTES), axis=1)
    course = draw_course(n, law.weather, rng)
    known = Known(
        response=np.stack([interpolate_rows(scale, SCALE_GRID, tables) for tables in law.term_tables], axis=1),
        slow=course.slow,
        fast=course.fast,
        memory=law.weather.memory,
        ahead=draw_ahead(course, law.weather, law.foresight.weights, rng),
    )
    gusts = interpolate_rows(course.slow + course.fast, Z_GRID, law.speed_tables)
    truth = interpolate_rows(law.speed_m_per_s[:, None] * scale * gusts, SPEED_GRID, law.power_tables)
    return Drawn(truth.T, known)
