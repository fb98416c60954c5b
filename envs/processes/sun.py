"""Solar power: pvlib's clear sky on the plant's plane under a stochastic clear-sky index.

Clear sky: Ineichen & Perez 2002, doi:10.1016/S0038-092X(02)00045-2, with pvlib's own Linke turbidity.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib.metadata import version

import numpy as np

from wattward.configs.region_schema import Region, Site, Sun
from wattward.configs.scenario_schema import Scenario
from wattward.envs.processes.calendar import DAY_MINUTES, position_in_year, step_minutes, steps_in_year
from wattward.envs.processes.gaussian import Z_GRID, Drawn, field, persistence, shared_weather
from wattward.envs.processes.table_cache import cached_table
from wattward.envs.types import Floats, Ints

STANDARD_W_PER_M2 = 1000.0
BEIJING_MERIDIAN_DEG = 120.0


@lru_cache(maxsize=64)
def clear_sky_w_per_m2(site: Site, tilt_deg: float, year: int, step: int) -> Floats:
    """Clear-sky irradiance of a plane that faces the equator, at mid-step, shape (steps in the year,) [W/m2].

    Args:
        site: where.
        tilt_deg: of the plane against the ground; 0 gives global horizontal irradiance.
        year: calendar year, Beijing time.
        step: [minutes].
    """
    key = f"{version('pvlib')}|{site.latitude_deg}|{site.longitude_deg}|{site.altitude_m}|{tilt_deg}|{year}|{step}"
    return cached_table("sun", key, steps_in_year(year, step), lambda: _clear_sky(site, tilt_deg, year, step))


def _clear_sky(site: Site, tilt_deg: float, year: int, step: int) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pvlib's own use of pandas
        return _compute_clear_sky(site, tilt_deg, year, step)


def _compute_clear_sky(site: Site, tilt_deg: float, year: int, step: int) -> Floats:
    import pandas as pd
    import pvlib

    first = pd.Timestamp(f"{year}-01-01", tz="Etc/GMT-8") + pd.Timedelta(minutes=step / 2)
    times = pd.date_range(first, periods=steps_in_year(year, step), freq=f"{step}min")
    location = pvlib.location.Location(site.latitude_deg, site.longitude_deg, "Etc/GMT-8", site.altitude_m)
    position = location.get_solarposition(times)
    sky = location.get_clearsky(times, model="ineichen", solar_position=position)
    plane = pvlib.irradiance.get_total_irradiance(
        tilt_deg,
        180.0 if site.latitude_deg >= 0 else 0.0,
        position["apparent_zenith"],
        position["azimuth"],
        sky["dni"],
        sky["ghi"],
        sky["dhi"],
        albedo=0.2,
    )
    result: Floats = np.maximum(0.0, np.nan_to_num(plane["poa_global"].to_numpy()))
    return result


@lru_cache(maxsize=64)
def _index_table(mean: float, spread: float) -> Floats:
    from scipy.special import betaincinv, ndtr

    if spread == 0 or mean in (0.0, 1.0):
        return np.full_like(Z_GRID, mean)
    weight = mean * (1 - mean) / spread**2 - 1
    result: Floats = betaincinv(mean * weight, (1 - mean) * weight, ndtr(Z_GRID))
    return result


def clear_sky_index(z: Floats, sun: Sun) -> Floats:
    """The share of clear-sky power that clouds let through, 0..1: a beta marginal of a standard normal, same shape."""
    return np.interp(z, Z_GRID, _index_table(sun.index_mean, sun.index_spread))


def mean_sun_factor(region: Region, year: int, step: int) -> float:
    """Expected capacity factor over a calendar year."""
    clear = _clear_factor(region, year, step)
    return float(clear.mean() * region.sun.index_mean)


@lru_cache(maxsize=64)
def _clear_factor(region: Region, year: int, step: int) -> Floats:
    sun = region.sun
    if sun.capacity_kw == 0 and region.carbon.sun_share == 0:
        return np.zeros(steps_in_year(year, step))
    table = clear_sky_w_per_m2(region.site, sun.tilt_deg, year, step)
    return np.minimum(1.0, sun.performance_ratio * table / STANDARD_W_PER_M2)


def draw_sun_factor(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Drawn:
    """Capacity factors of solar plants, three (N, R) arrays of 0..1 (noise is an anomaly and may be negative)."""
    year, place = position_in_year(start_minute, n, scenario.step_minutes)
    clear = np.stack([_clear_factor(region, year, scenario.step_minutes)[place] for region in regions], axis=1)
    usual = clear * np.array([region.sun.index_mean for region in regions])
    first, second = (clear * _index(regions, scenario, start_minute, n, rng) for _ in range(2))
    return Drawn(truth=first, usual=usual, noise=second - usual)


def draw_sun(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Drawn:
    """Power of solar plants, three (N, R) arrays [kW]."""
    return sun_kw(regions, draw_sun_factor(regions, scenario, start_minute, n, rng))


def sun_kw(regions: tuple[Region, ...], factor: Drawn) -> Drawn:
    """Capacity factors times the plants' capacities [kW]."""
    capacity_kw = np.array([region.sun.capacity_kw for region in regions])
    return Drawn(*(part * capacity_kw for part in factor))


def _index(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Floats:
    """Clear-sky index of day-to-day and within-day weather, shape (N, R)."""
    suns = [region.sun for region in regions]
    shared = shared_weather(regions, scenario.weather_correlation_km)
    day = _local_day(regions, step_minutes(start_minute, n, scenario.step_minutes))
    days = field(int(day.max()) + 1, tuple(sun.day_correlation for sun in suns), shared, rng)
    within = field(n, persistence(scenario.step_h, tuple(sun.step_correlation_h for sun in suns)), shared, rng)
    share = np.array([sun.day_share for sun in suns])
    z = np.sqrt(share) * np.take_along_axis(days, day, axis=0) + np.sqrt(1 - share) * within
    return np.stack([clear_sky_index(z[:, r], sun) for r, sun in enumerate(suns)], axis=1)


def _local_day(regions: tuple[Region, ...], minutes: Ints) -> Ints:
    """Day number from 0 that changes at each site's own midnight, shape (N, R)."""
    shift = np.array([round(4 * (region.site.longitude_deg - BEIJING_MERIDIAN_DEG)) for region in regions])
    day = (minutes[:, None] + shift) // DAY_MINUTES
    from_first: Ints = day - day.min()
    return from_first
