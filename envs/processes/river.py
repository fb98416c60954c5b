"""Run-of-river hydro: a seasonal share of capacity that swings slowly with the rain."""

from __future__ import annotations

import numpy as np

from wattward.configs.region_schema import Region
from wattward.configs.scenario_schema import Scenario
from wattward.envs.processes.calendar import clock, step_minutes
from wattward.envs.processes.gaussian import field, persistence, shared_weather
from wattward.envs.types import Floats, Ints

MIDDLE_OF_MONTH: Floats = np.array([15.5, 45, 74.5, 105, 135.5, 166, 196.5, 227.5, 258, 288.5, 319, 349.5])
"""[day of the year]"""


def usual_share(day_of_year: Ints, share_by_month: tuple[float, ...]) -> Floats:
    """Mean share of capacity, drawn through the middles of the months, shape of `day_of_year`."""
    result: Floats = np.interp(day_of_year.astype(np.float64), MIDDLE_OF_MONTH, np.array(share_by_month), period=365.25)
    return result


def draw_river(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Floats:
    """Power of run-of-river plants, shape (N, R) [kW], between 0 and capacity."""
    rivers = [region.river for region in regions]
    when = clock(step_minutes(start_minute, n, scenario.step_minutes))
    memory = persistence(scenario.step_h, tuple(24 * river.correlation_days for river in rivers))
    z = field(n, memory, shared_weather(regions, scenario.weather_correlation_km), rng)
    usual = np.stack([usual_share(when.day_of_year, river.share_by_month) for river in rivers], axis=1)
    spread = np.array([river.spread for river in rivers])
    capacity_kw = np.array([river.capacity_kw for river in rivers])
    return capacity_kw * np.clip(usual * (1.0 + spread * z), 0.0, 1.0)
