"""Power of direct lines and green contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.calendar import DAY_MINUTES, minutes_of_day, place_in_period

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats


def direct_kw(scenario: Scenario, sun_factor: Floats, wind_factor: Floats) -> Floats:
    """Power at the near end of the direct lines, shape (N, R) [kW].

    Args:
        scenario: the scenario.
        sun_factor: capacity factors of the region's sun, shape (N, R).
        wind_factor: capacity factors of the region's wind, shape (N, R).
    """
    sun_kw, wind_kw = direct_capacities_kw(scenario)
    power_kw: Floats = sun_kw * sun_factor + wind_kw * wind_factor
    return power_kw


@cached_for_owner
def direct_capacities_kw(scenario: Scenario) -> Floats:
    """Capacities of sun and wind at the direct lines, shape (2, R) [kW]."""
    lines = [None if region.supply is None else region.supply.direct for region in scenario.regions]
    return np.array([[0.0, 0.0] if line is None else [line.sun_kw, line.wind_kw] for line in lines]).T


def contract_kw(scenario: Scenario, start_minute: int, n: int) -> Floats:
    """Power that green contracts deliver by their profile, shape (N, R) [kW]."""
    place = place_in_period(start_minute, n, scenario.step_minutes, DAY_MINUTES)
    kw: Floats = contract_by_step_of_day_kw(scenario)[:, place].T
    return kw


@cached_for_owner
def contract_by_step_of_day_kw(scenario: Scenario) -> Floats:
    """Power that green contracts deliver, shape (R, steps in a day) [kW]."""
    hour = minutes_of_day(scenario.step_minutes) // 60
    kw = np.zeros((scenario.n_regions, hour.size))
    for r, region in enumerate(scenario.regions):
        contract = None if region.supply is None else region.supply.contract
        if contract is not None:
            kw[r] = contract.kw * np.array(contract.shape_by_hour)[hour]
    return kw
