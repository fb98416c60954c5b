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
from wattward.envs.world.processes.gaussian import Z_GRID, Drawn, Law, field, field_law, persistence, shared_weather
from wattward.envs.world.processes.lookup import interpolate_columns

if TYPE_CHECKING:
    import pandas as pd

    from wattward.configs.schema.region import Region, Site, Sun
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats, Ints

STANDARD_W_PER_M2 = 1000.0
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
    shift_minutes: Ints  # (R,) by which the site's own midnight comes before that of the scenario's clock
    day_weight: Floats  # (R,) weight of the weather of whole days; within_weight is that of weather within the day
    within_weight: Floats  # (R,)
    days: Law  # a step is a day
    within: Law


@cached_for_owner
def sun_law(scenario: Scenario) -> SunLaw:
    """Parameters that all episodes of a scenario share."""
    suns = [region.sun for region in scenario.regions]
    shared = shared_weather(scenario.places, scenario.weather_correlation_km)
    share = np.array([sun.day_share for sun in suns])
    within = persistence(scenario.step_h, tuple(sun.step_correlation_h for sun in suns))
    meridian_deg = scenario.utc_offset_minutes / MINUTES_PER_DEGREE
    shift = [round(MINUTES_PER_DEGREE * (region.site.longitude_deg - meridian_deg)) for region in scenario.regions]
    return SunLaw(
        np.array([sun.performance_ratio for sun in suns]),
        np.array([sun.index_mean for sun in suns]),
        np.stack([_index_table(sun.index_mean, sun.index_spread) for sun in suns]),
        np.array(shift),
        np.sqrt(share),
        np.sqrt(1 - share),
        field_law(tuple(sun.day_correlation for sun in suns), shared),
        field_law(within, shared),
    )


@cached_for_owner
def _clear_tables(scenario: Scenario, year: int) -> tuple[Floats, ...]:
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
    """Capacity factors of solar plants, three (N, R) arrays in 0..1; noise is an anomaly and may be negative."""
    law = sun_law(scenario)
    year, place = position_in_year(start_minute, n, scenario.step_minutes)
    w_per_m2 = np.stack([table[place] for table in _clear_tables(scenario, year)]).T
    clear = sun_factor(w_per_m2, law.performance_ratio)
    climatology = clear * law.index_mean
    day = _local_day(law.shift_minutes, step_minutes(start_minute, n, scenario.step_minutes))
    first, second = (clear * interpolate_columns(_weather(law, day, rng), Z_GRID, law.index_tables) for _ in range(2))
    return Drawn(truth=first, climatology=climatology, noise=second - climatology)


def draw_sun(scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator) -> Drawn:
    """Power of solar plants, three (N, R) arrays [kW]."""
    return sun_kw(scenario, draw_sun_factor(scenario, start_minute, n, rng))


def sun_kw(scenario: Scenario, factor: Drawn) -> Drawn:
    """Capacity factors times the plants' capacities [kW]."""
    capacity_kw = np.array([region.sun.capacity_kw for region in scenario.regions])
    return Drawn(*(part * capacity_kw for part in factor))


def _weather(law: SunLaw, day: Ints, rng: np.random.Generator) -> Floats:
    """Standard normal weather, composed of days and of variation within days, shape (N, R)."""
    n, regions = day.shape
    days = field(int(day.max()) + 1, law.days, rng)[day, np.arange(regions)]
    return law.day_weight * days + law.within_weight * field(n, law.within, rng)


def _local_day(shift_minutes: Ints, minutes: Ints) -> Ints:
    """Day number from 0; it changes at each site's own midnight, shape (N, R)."""
    day = (minutes + shift_minutes[:, None]) // DAY_MINUTES
    from_first: Ints = day - day.min()
    return from_first.T
