"""Run-of-river hydro: a seasonal share of capacity with slow fluctuations."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.calendar import DAYS_OF_YEAR, days_of_year
from wattward.envs.world.processes.gaussian import Law, field, field_law, persistence, shared_weather

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats

MIDDLE_OF_MONTH: Floats = np.array([15.5, 45, 74.5, 105, 135.5, 166, 196.5, 227.5, 258, 288.5, 319, 349.5])
"""[day of the year]"""


class RiverLaw(NamedTuple):
    """Parameters of the rivers of R regions."""

    climatology_by_day_of_year: Floats  # (R, 367) share of capacity
    spread: Floats  # (R,)
    capacity_kw: Floats  # (R,)
    rain: Law


@cached_for_owner
def river_law(scenario: Scenario) -> RiverLaw:
    """Parameters that all episodes of a scenario share."""
    rivers = [region.river for region in scenario.regions]
    memory = persistence(scenario.step_h, tuple(24 * river.correlation_days for river in rivers))
    return RiverLaw(
        np.stack([mean_share(DAYS_OF_YEAR, river.share_by_month) for river in rivers]),
        np.array([river.spread for river in rivers]),
        np.array([river.capacity_kw for river in rivers]),
        field_law(memory, shared_weather(scenario.places, scenario.weather_correlation_km)),
    )


def mean_share(day_of_year: Floats, share_by_month: tuple[float, ...]) -> Floats:
    """Mean share of capacity, interpolated between the middles of months; same shape as `day_of_year`."""
    result: Floats = np.interp(day_of_year, MIDDLE_OF_MONTH, np.array(share_by_month), period=365.25)
    return result


def draw_river(scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator) -> Floats:
    """Power of run-of-river plants, shape (N, R) [kW], between 0 and capacity."""
    law = river_law(scenario)
    day = days_of_year(start_minute, n, scenario.step_minutes)
    climatology = law.climatology_by_day_of_year.take(day, axis=1).T
    return law.capacity_kw * np.clip(climatology * (1.0 + law.spread * field(n, law.rain, rng)), 0.0, 1.0)
