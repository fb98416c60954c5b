"""Power of direct lines and green contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
    lines = [None if region.supply is None else region.supply.direct for region in scenario.regions]
    sun_kw = np.array([0.0 if line is None else line.sun_kw for line in lines])
    wind_kw = np.array([0.0 if line is None else line.wind_kw for line in lines])
    return sun_kw * sun_factor + wind_kw * wind_factor


def contract_kw(scenario: Scenario, start_minute: int, n: int) -> Floats:
    """Power that green contracts deliver by their profile, shape (N, R) [kW]."""
    kw = np.zeros((n, scenario.n_regions))
    step = scenario.step_minutes
    hour = minutes_of_day(step) // 60
    place = place_in_period(start_minute, n, step, DAY_MINUTES)
    for r, region in enumerate(scenario.regions):
        contract = None if region.supply is None else region.supply.contract
        if contract is not None:
            kw[:, r] = contract.kw * np.array(contract.shape_by_hour)[hour][place]
    return kw
