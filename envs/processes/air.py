"""Air temperature: a wave over the year, a wave over the day, and weather."""

from __future__ import annotations

import numpy as np

from wattward.configs.region_schema import Region
from wattward.configs.scenario_schema import Scenario
from wattward.envs.processes.calendar import YEAR_DAYS, Clock, clock, step_minutes, wave
from wattward.envs.processes.gaussian import field, persistence, shared_weather
from wattward.envs.types import Floats


def usual_air_c(regions: tuple[Region, ...], when: Clock) -> Floats:
    """Mean temperature of that day of the year and hour, shape (N, R) [C]."""
    columns = [
        air.mean_c
        + air.season_amplitude_c * wave(when.day_of_year.astype(np.float64) - air.warmest_day_of_year, YEAR_DAYS)
        + air.day_amplitude_c * wave(when.hour - air.warmest_hour, 24.0)
        for air in (region.air for region in regions)
    ]
    return np.stack(columns, axis=1)


def draw_air(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Floats:
    """Air temperature, shape (N, R) [C]."""
    when = clock(step_minutes(start_minute, n, scenario.step_minutes))
    memory = persistence(scenario.step_h, tuple(region.air.correlation_h for region in regions))
    z = field(n, memory, shared_weather(regions, scenario.weather_correlation_km), rng)
    return usual_air_c(regions, when) + np.array([region.air.weather_spread_c for region in regions]) * z
