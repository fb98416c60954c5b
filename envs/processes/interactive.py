"""Interactive load: GPUs that requests need right now, on each region's own clock.

Expected load = mean x shape by hour x weekend factor, both scaled to mean 1 over a week; on it lies a relative AR(1)
deviation. Shapes and spreads follow production request rates (ServeGen, arXiv 2505.09999: peak over trough 1.4 to 2.2).
"""

from __future__ import annotations

import numpy as np

from wattward.configs.region_schema import Interactive, Region
from wattward.configs.scenario_schema import Scenario
from wattward.envs.processes.calendar import clock, step_minutes
from wattward.envs.processes.gaussian import Drawn, field, persistence
from wattward.envs.processes.jobs import week_factors
from wattward.envs.types import Floats, Ints


def draw_interactive(
    regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Drawn:
    """GPUs that requests need at each step, never above the fleet.

    Args:
        regions: R regions.
        scenario: gives the length of a step.
        start_minute: Beijing time of the first step [minutes since 1970-01-01 00:00 Beijing].
        n: steps N to draw.
        rng: the only source of randomness.

    Returns:
        Truth, climatology and a second anomaly of the same law [GPUs], each (N, R).
    """
    usual = usual_interactive_gpus(regions, scenario, start_minute, n)
    spread = np.array([region.interactive.spread for region in regions])
    memory = persistence(scenario.step_h, tuple(region.interactive.correlation_h for region in regions))
    fleet = np.array([region.fleet.gpus for region in regions])
    first, second = (
        np.clip(usual * (1.0 + spread * field(n, memory, np.eye(len(regions)), rng)), 0.0, fleet) for _ in range(2)
    )
    return Drawn(truth=first, usual=usual, noise=second - usual)


def usual_interactive_gpus(regions: tuple[Region, ...], scenario: Scenario, start_minute: int, n: int) -> Floats:
    """Expected GPUs at each step, shape (N, R), at most the fleet."""
    beijing = step_minutes(start_minute, n, scenario.step_minutes)
    columns = [
        np.minimum(_expected(region.interactive, beijing + round(region.clock_offset_h * 60)), region.fleet.gpus)
        for region in regions
    ]
    return np.stack(columns, axis=1)


def _expected(interactive: Interactive, local_minute: Ints) -> Floats:
    shape = np.asarray(interactive.shape_by_hour)
    when = clock(local_minute)
    level = np.interp(when.hour, np.arange(24) + 0.5, shape / shape.mean(), period=24.0)
    return np.asarray(interactive.mean_gpus * level * week_factors(interactive.weekend_factor)[when.weekday])
