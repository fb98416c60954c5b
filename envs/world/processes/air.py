"""Air temperature: a wave over the year, a wave over the day, and weather."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.calendar import (
    DAY_MINUTES,
    DAYS_OF_YEAR,
    YEAR_DAYS,
    days_of_year,
    minutes_of_day,
    place_in_period,
    wave,
)
from wattward.envs.world.processes.gaussian import Law, field, field_law, persistence, shared_weather

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats


class AirLaw(NamedTuple):
    """Parameters of the air of R regions."""

    by_day_of_year_c: Floats  # (R, 367) mean and season
    by_step_of_day_c: Floats  # (R, steps in a day) the day's wave
    spread_c: Floats  # (R,)
    weather: Law


@cached_for_owner
def air_law(scenario: Scenario) -> AirLaw:
    """Parameters that all episodes of a scenario share."""
    airs = [region.air for region in scenario.regions]
    hour = minutes_of_day(scenario.step_minutes) / 60.0
    memory = persistence(scenario.step_h, tuple(air.correlation_h for air in airs))
    return AirLaw(
        np.stack(
            [a.mean_c + a.season_amplitude_c * wave(DAYS_OF_YEAR - a.warmest_day_of_year, YEAR_DAYS) for a in airs]
        ),
        np.stack([a.day_amplitude_c * wave(hour - a.warmest_hour, 24.0) for a in airs]),
        np.array([a.weather_spread_c for a in airs]),
        field_law(memory, shared_weather(scenario.places, scenario.weather_correlation_km)),
    )


def mean_air_c(scenario: Scenario, start_minute: int, n: int) -> Floats:
    """Mean temperature by day of the year and hour, shape (N, R) [C]."""
    law, step = air_law(scenario), scenario.step_minutes
    day = days_of_year(start_minute, n, step)
    climatology: Floats = law.by_day_of_year_c.take(day, axis=1)
    climatology += law.by_step_of_day_c.take(place_in_period(start_minute, n, step, DAY_MINUTES), axis=1)
    return climatology.T


def draw_air(scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator) -> Floats:
    """Air temperature, shape (N, R) [C]."""
    law = air_law(scenario)
    return mean_air_c(scenario, start_minute, n) + law.spread_c * field(n, law.weather, rng)
