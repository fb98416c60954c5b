"""Solar power: pvlib's clear-sky irradiance on the plane of the plant times a stochastic clear-sky index.

Clear sky: Ineichen & Perez 2002, doi:10.1016/S0038-092X(02)00045-2, with pvlib's own Linke turbidity.
"""

from __future__ import annotations

import warnings
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.model.caching import cached_for_owner, cached_table
from wattward.envs.world.processes.calendar import DAY_MINUTES, position_in_year, step_minutes, steps_in_year
from wattward.envs.world.processes.forecast import Foresight, draw_ahead, explained_by, foresee, persistence_curve
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
    import pandas as pd

    from wattward.configs.schema.region import Region, Site, Sun
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats, Ints

STANDARD_W_PER_M2 = 1000.0
DAYLIGHT_HOURS = 96
"""Parts of a day in a mean over its hours."""
MINUTES_PER_DEGREE = 4
"""Minutes by which solar time is later for each degree further west."""


@lru_cache(maxsize=256)
def clear_sky_w_per_m2(site: Site, tilt_deg: float, year: int, step: int, utc_offset_minutes: int) -> Floats:
    """Clear-sky irradiance in mid-step of a plane that faces the equator, shape (steps in the year,) [W/m2].

    Args:
        site: the site.
        tilt_deg: tilt of the plane; 0 gives global horizontal irradiance.
        year: calendar year of the scenario's clock.
        step: length of a step [minutes].
        utc_offset_minutes: how far the scenario's clock is ahead of UTC.
    """
    where = f"{site.latitude_deg}|{site.longitude_deg}|{site.altitude_m}|{tilt_deg}"
    key = f"{version('pvlib')}|{where}|{year}|{step}|{utc_offset_minutes}"
    first = datetime(year, 1, 1, tzinfo=timezone(timedelta(minutes=utc_offset_minutes)))
    return cached_table("sun", key, steps_in_year(year, step), lambda: _clear_sky(site, tilt_deg, first, step))


def _clear_sky(site: Site, tilt_deg: float, first: datetime, step: int) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pvlib's own use of pandas
        return _compute_clear_sky(site, tilt_deg, first, step)


def _compute_clear_sky(site: Site, tilt_deg: float, first: datetime, step: int) -> Floats:
    import pandas as pd
    import pvlib

    middle = pd.Timestamp(first) + pd.Timedelta(minutes=step / 2)
    times = pd.date_range(middle, periods=steps_in_year(first.year, step), freq=f"{step}min")
    location = pvlib.location.Location(site.latitude_deg, site.longitude_deg, "UTC", site.altitude_m)
    position = location.get_solarposition(times)
    sky = location.get_clearsky(times, model="ineichen", solar_position=position)
    return _on_plane(site, tilt_deg, position, sky)


def plane_w_per_m2(site: Site, tilt_deg: float, sky: pd.DataFrame) -> Floats:
    """Irradiance of a plane that faces the equator under a measured sky, shape (M,) [W/m2].

    Args:
        site: the site.
        tilt_deg: tilt of the plane.
        sky: columns ghi, dni, dhi [W/m2]; the index holds the instants of the sun's position, with a time zone.
    """
    import pvlib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pvlib's own use of pandas
        location = pvlib.location.Location(site.latitude_deg, site.longitude_deg, "UTC", site.altitude_m)
        return _on_plane(site, tilt_deg, location.get_solarposition(sky.index), sky)


def _on_plane(site: Site, tilt_deg: float, position: pd.DataFrame, sky: pd.DataFrame) -> Floats:
    import pvlib

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


class SunLaw(NamedTuple):
    """Parameters of the skies over R regions."""

    performance_ratio: Floats  # (R,)
    index_mean: Floats  # (R,)
    index_tables: Floats  # (R, 1201) clear-sky index at `Z_GRID`
    index_terms: Floats  # (R, 1 + P) coefficients of the index in Hermite polynomials
    shift_minutes: Ints  # (R,) by which the site's own midnight comes before that of the scenario's clock
    day_share: Floats  # (R,) share of the weather's variance that belongs to whole days
    days: Law  # a step is a day
    within: Law
    foresight: Foresight
    within_variance: Floats  # (L, R) of the expected weather within the day, by lead


@cached_for_owner
def sun_law(scenario: Scenario) -> SunLaw:
    """Parameters that all episodes of a scenario share."""
    suns = [region.sun for region in scenario.regions]
    shared = shared_weather(scenario.places, scenario.weather_correlation_km)
    share = np.array([sun.day_share for sun in suns])
    days = field_law(tuple(sun.day_correlation for sun in suns), shared, variance=share)
    memory = persistence(scenario.step_h, tuple(sun.step_correlation_h for sun in suns))
    within = field_law(memory, shared, variance=1 - share)
    hours = persistence_curve(within.memory, scenario.horizon + 1)
    known = share * _persistence_of_days(scenario, days.memory[0]) + (1 - share) * hours
    foresight = foresee(scenario.forecast, scenario.step_h, scenario.forecast.sun_memory_h, known)
    tables = np.stack([_index_table(sun.index_mean, sun.index_spread) for sun in suns])
    terms = hermite_terms(tables, MOST_ORDERS)
    orders = orders_needed(terms, np.array([sun.index_spread for sun in suns]) ** 2)
    meridian_deg = scenario.utc_offset_minutes / MINUTES_PER_DEGREE
    shift = [round(MINUTES_PER_DEGREE * (region.site.longitude_deg - meridian_deg)) for region in scenario.regions]
    return SunLaw(
        np.array([sun.performance_ratio for sun in suns]),
        np.array([sun.index_mean for sun in suns]),
        tables,
        terms[: 1 + orders].T.copy(),
        np.array(shift),
        share,
        days,
        within,
        foresight,
        (1 - share) * explained_by(foresight.weights, hours),
    )


def _persistence_of_days(scenario: Scenario, kept: Floats) -> Floats:
    """Share of the weather of whole days that the present explains by lead, shape (L, R).

    It is the mean over the hours of a day for which forecasts are made, weighted with the squared sine of the sun's
    height at an equinox. `kept` is the correlation of consecutive days, shape (R,).
    """
    hour = (np.arange(DAYLIGHT_HOURS) + 0.5) * 24 / DAYLIGHT_HOURS
    weight = np.maximum(0.0, np.sin(np.pi * (hour - 6.0) / 12.0)) ** 2
    lead_h = np.arange(scenario.horizon + 1) * scenario.step_h
    nights = np.ceil((lead_h[:, None] - hour) / 24.0)
    curve: Floats = (kept[:, None, None] ** (2 * np.maximum(0.0, nights)) @ weight).T / weight.sum()
    return curve


@cached_for_owner
def clear_tables(scenario: Scenario, year: int) -> tuple[Floats, ...]:
    """Clear-sky irradiance over the year in each region, R tables (steps in the year,) [W/m2]."""
    step, offset = scenario.step_minutes, scenario.utc_offset_minutes
    return tuple(_clear_table(region, year, step, offset) for region in scenario.regions)


def _clear_table(region: Region, year: int, step: int, utc_offset_minutes: int) -> Floats:
    if region.sun.capacity_kw == 0 and region.carbon.sun_share == 0:
        return _darkness(steps_in_year(year, step))
    return clear_sky_w_per_m2(region.site, region.sun.tilt_deg, year, step, utc_offset_minutes)


@lru_cache(maxsize=4)
def _darkness(steps: int) -> Floats:
    return np.zeros(steps)


def sun_factor(w_per_m2: Floats, performance_ratio: Floats | float) -> Floats:
    """Capacity factor of panels for an irradiance of their plane, same shape."""
    return np.minimum(1.0, performance_ratio * w_per_m2 / STANDARD_W_PER_M2)


def clear_sky_index(z: Floats, sun: Sun) -> Floats:
    """Share of clear-sky power below clouds, 0..1: a standard normal mapped to a beta distribution, same shape."""
    return np.interp(z, Z_GRID, _index_table(sun.index_mean, sun.index_spread))


def mean_sun_factor(region: Region, year: int, step: int, utc_offset_minutes: int) -> float:
    """Expected capacity factor over a calendar year of a clock with the given UTC offset."""
    clear = sun_factor(_clear_table(region, year, step, utc_offset_minutes), region.sun.performance_ratio)
    return float(clear.mean() * region.sun.index_mean)


def draw_sun_factor(scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator) -> Drawn:
    """Capacity factors of solar plants, 0..1, and what forecasts of them are made of."""
    law = sun_law(scenario)
    year, place = position_in_year(start_minute, n, scenario.step_minutes)
    w_per_m2 = np.stack([table[place] for table in clear_tables(scenario, year)])
    clear = sun_factor(w_per_m2, law.performance_ratio[:, None])
    day = local_day(law.shift_minutes, step_minutes(start_minute, n, scenario.step_minutes))
    days, within = draw_course(int(day.max()) + 1, law.days, rng), draw_course(n, law.within, rng)
    shares = law.foresight.weights
    alpha = law.days.memory[2][:, None, None]
    known = Known(
        response=law.index_terms[:, :, None] * clear[:, None],
        slow=within.slow,
        fast=within.fast,
        memory=law.within.memory,
        ahead=draw_ahead(within, law.within, shares, rng),
        day_start=day_starts(day, days.slow.shape[1]),
        days=np.concatenate([days.slow[:, None], alpha * draw_ahead(days, law.days, shares, rng)], axis=1),
        days_kept=law.days.memory[0],
    )
    weather = np.take_along_axis(days.slow, day, axis=1) + within.slow + within.fast
    return Drawn((clear * interpolate_rows(weather, Z_GRID, law.index_tables)).T, known)


def day_starts(day: Ints, n_days: int) -> Ints:
    """The first step of each day, shape (R, D); 0 for days that have begun before, N for days that do not begin.

    Args:
        day: number of the day at each step, shape (R, N).
        n_days: number of days D.
    """
    return np.stack([np.searchsorted(row, np.arange(n_days)) for row in day])


def local_day(shift_minutes: Ints, minutes: Ints) -> Ints:
    """Number of the day, from 0; it changes at each site's own midnight, shape (R, N)."""
    day: Ints = (minutes + shift_minutes[:, None]) // DAY_MINUTES
    return day - day.min()
