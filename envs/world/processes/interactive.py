"""Interactive load: GPUs that serve requests, by each region's own clock.

Expected load = mean x shape by hour x weekend factor, both scaled to mean 1 over a week. A relative AR(1) deviation is
added. Shapes and spreads follow production request rates (ServeGen, arXiv 2505.09999: peak over trough 1.4 to 2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.calendar import DAY_MINUTES, clock, minutes_of_week, place_in_period, week_factors
from wattward.envs.world.processes.forecast import Foresight, draw_ahead, foresee, persistence_curve
from wattward.envs.world.processes.gaussian import Drawn, Known, Law, draw_course, field_law, persistence

if TYPE_CHECKING:
    from wattward.configs.schema.region import Interactive
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats, Ints


class InteractiveLaw(NamedTuple):
    """Parameters of the requests of R regions."""

    climatology_by_step_of_week_gpus: Floats  # (R, steps in a week), by the scenario's clock, at most the fleet
    spread: Floats  # (R,)
    fleet_gpus: Floats  # (R,)
    deviation: Law
    foresight: Foresight


@cached_for_owner
def interactive_law(scenario: Scenario) -> InteractiveLaw:
    """Parameters that all episodes of a scenario share."""
    regions = scenario.regions
    minutes = minutes_of_week(scenario.step_minutes)
    climatology = [
        np.minimum(_expected(region.interactive, minutes + round(region.clock_offset_h * 60)), region.fleet.gpus)
        for region in regions
    ]
    memory = persistence(scenario.step_h, tuple(region.interactive.correlation_h for region in regions))
    deviation = field_law(memory, np.eye(len(regions)))
    persists = persistence_curve(deviation.memory, scenario.horizon + 1)
    return InteractiveLaw(
        np.stack(climatology),
        np.array([region.interactive.spread for region in regions]),
        np.array([region.fleet.gpus for region in regions]),
        deviation,
        foresee(scenario.forecast, scenario.step_h, scenario.forecast.interactive_memory_h, persists),
    )


def draw_interactive(scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator) -> Drawn:
    """GPUs that requests need at each step, never above the fleet.

    Args:
        scenario: the scenario.
        start_minute: start of the first step [minutes since 1970-01-01], a multiple of the step.
        n: steps N to draw.
        rng: the only source of randomness.

    Returns:
        The GPUs, and what forecasts of them are made of.
    """
    law, climatology = interactive_law(scenario), mean_interactive_gpus(scenario, start_minute, n).T
    course = draw_course(n, law.deviation, rng)
    response = np.stack([climatology, law.spread[:, None] * climatology], axis=1)
    ahead = draw_ahead(course, law.deviation, law.foresight.weights, rng)
    known = Known(response, course.slow, course.fast, law.deviation.memory, ahead)
    truth = np.clip(climatology + response[:, 1] * (course.slow + course.fast), 0.0, law.fleet_gpus[:, None])
    return Drawn(truth.T, known)


def mean_interactive_gpus(scenario: Scenario, start_minute: int, n: int) -> Floats:
    """Expected GPUs at each step, shape (N, R), at most the fleet."""
    place = place_in_period(start_minute, n, scenario.step_minutes, 7 * DAY_MINUTES)
    climatology: Floats = interactive_law(scenario).climatology_by_step_of_week_gpus.take(place, axis=1).T
    return climatology


def _expected(interactive: Interactive, local_minute: Ints) -> Floats:
    shape = np.asarray(interactive.shape_by_hour)
    when = clock(local_minute)
    level = np.interp(when.hour, np.arange(24) + 0.5, shape / shape.mean(), period=24.0)
    return np.asarray(interactive.mean_gpus * level * week_factors(interactive.weekend_factor)[when.weekday])
