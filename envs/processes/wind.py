"""Wind power: a stochastic speed through a turbine's published power curve, taken from windpowerlib."""

from __future__ import annotations

import difflib
import warnings
from functools import lru_cache
from importlib.metadata import version

import numpy as np

from wattward.configs.base import ConfigError
from wattward.configs.region_schema import Region, Wind
from wattward.configs.scenario_schema import Scenario
from wattward.envs.processes.calendar import YEAR_DAYS, clock, step_minutes, wave
from wattward.envs.processes.gaussian import Z_GRID, Drawn, field, persistence, shared_weather
from wattward.envs.processes.table_cache import cached_table
from wattward.envs.types import Floats

SPEED_GRID: Floats = np.linspace(0.0, 60.0, 601)
"""[m/s]"""
SCALE_GRID: Floats = np.linspace(0.0, 2.0, 81)


@lru_cache(maxsize=64)
def published_curve(turbine: str) -> Floats:
    """Power over nominal power at `SPEED_GRID`, shape (601,).

    Raises:
        ConfigError: windpowerlib has no power curve of that turbine.
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
    """The published curve, averaged over turbines whose speeds differ by a normal spread, shape (601,)."""
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
    """Capacity factor at a standard normal `z` where the mean speed is `scale` times the annual one, same shape."""
    speed = wind.speed_mean_m_per_s * scale * np.interp(z, Z_GRID, _speed_table(wind.speed_shape))
    return np.interp(speed, SPEED_GRID, power_curve(wind.turbine, wind.curve_spread_m_per_s))


@lru_cache(maxsize=64)
def _usual_table(wind: Wind) -> Floats:
    """Expected capacity factor at `SCALE_GRID`."""
    weight = np.exp(-0.5 * Z_GRID**2)
    z, scale = np.broadcast_arrays(Z_GRID, SCALE_GRID[:, None])
    result: Floats = power_factor(z, scale, wind) @ (weight / weight.sum())
    return result


def usual_factor(scale: Floats, wind: Wind) -> Floats:
    """Expected capacity factor where the mean speed is `scale` times the annual one, same shape."""
    return np.interp(scale, SCALE_GRID, _usual_table(wind))


def speed_scale(day_of_year: Floats, hour: Floats, wind: Wind) -> Floats:
    """Mean speed of that day and hour over the annual mean, shape of the broadcast arguments."""
    season = wind.season_amplitude * wave(day_of_year - wind.windiest_day_of_year, YEAR_DAYS)
    return 1.0 + season + wind.day_amplitude * wave(hour - wind.windiest_hour, 24.0)


@lru_cache(maxsize=64)
def mean_wind_factor(region: Region) -> float:
    """Expected capacity factor over a year; 0 where neither the plant nor the grid has wind."""
    if not _has_wind(region):
        return 0.0
    days, hours = np.arange(1.0, 366.0)[:, None], np.arange(24.0)
    return float(usual_factor(speed_scale(days, hours, region.wind), region.wind).mean())


def _has_wind(region: Region) -> bool:
    return region.wind.capacity_kw > 0 or region.carbon.wind_share > 0


def draw_wind_factor(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Drawn:
    """Capacity factors of wind plants, three (N, R) arrays of 0..1 (noise is an anomaly and may be negative)."""
    winds = [region.wind for region in regions]
    shared = shared_weather(regions, scenario.weather_correlation_km)
    memory = persistence(scenario.step_h, tuple(wind.correlation_h for wind in winds))
    smooth = persistence(scenario.step_h, tuple(wind.smoothing_h for wind in winds))
    when = clock(step_minutes(start_minute, n, scenario.step_minutes))
    day = when.day_of_year.astype(np.float64)
    scales = [speed_scale(day, when.hour, wind) for wind in winds]
    usual, first, second = np.zeros((3, n, len(regions)))
    fields = [field(n, memory, shared, rng, smooth) for _ in range(2)]
    for r, region in enumerate(regions):
        if _has_wind(region):
            usual[:, r] = usual_factor(scales[r], region.wind)
            first[:, r], second[:, r] = (power_factor(z[:, r], scales[r], region.wind) for z in fields)
    return Drawn(truth=first, usual=usual, noise=second - usual)


def draw_wind(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Drawn:
    """Power of wind plants, three (N, R) arrays [kW]."""
    return wind_kw(regions, draw_wind_factor(regions, scenario, start_minute, n, rng))


def wind_kw(regions: tuple[Region, ...], factor: Drawn) -> Drawn:
    """Capacity factors times the plants' capacities [kW]."""
    capacity_kw = np.array([region.wind.capacity_kw for region in regions])
    return Drawn(*(part * capacity_kw for part in factor))
