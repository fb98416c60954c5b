"""Applies disturbances to a drawn world. docs/disturbances.md says when policies learn of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.disturbance import (
    DemandSurge,
    Disturbance,
    Drought,
    GpuFailures,
    HeatWave,
    NewTariff,
    PriceSpike,
    WanOutage,
    WorseForecasts,
)
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Exogenous, Floats
from wattward.envs.world.processes.calendar import clock, step_minutes

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.world.processes.gaussian import Drawn

Mask = NDArray[np.bool_]
ROWS = {"sun": SUN, "wind": WIND, "interactive": INTERACTIVE, "carbon": CARBON}


class Placed(NamedTuple):
    """A disturbance with the steps and regions of an episode in which it acts."""

    disturbance: Disturbance
    here: Mask  # (N, R)


def place_disturbances(scenario: Scenario, n: int, rng: np.random.Generator) -> tuple[Placed, ...]:
    """Places each disturbance of the scenario in an episode of `n` drawn steps.

    Args:
        scenario: gives the disturbances, the regions and the step.
        n: number of steps N, including those of the last forecast.
        rng: draws the random starts, in the order of the scenario's disturbances.
    """
    return tuple(Placed(disturbance, _mask(scenario, disturbance, n, rng)) for disturbance in scenario.disturbances)


def _mask(scenario: Scenario, disturbance: Disturbance, n: int, rng: np.random.Generator) -> Mask:
    length = n if disturbance.hours is None else max(1, round(disturbance.hours / scenario.step_h))
    if isinstance(disturbance.start_h, str):
        room = scenario.n_steps - (1 if disturbance.hours is None else length)
        first = int(rng.integers(max(0, room) + 1))
    else:
        first = round(disturbance.start_h / scenario.step_h)
    when = np.zeros(n, dtype=np.bool_)
    when[first : first + length] = True
    return when[:, None] & np.array([disturbance.is_in(region.name) for region in scenario.regions])


def apply_droughts(placed: tuple[Placed, ...], kind: type[Drought], factor: Drawn) -> Drawn:
    """Applies the disturbances of one kind to capacity factors. Climatology and noise stay as they are.

    This happens before carbon intensity is computed, so that the grid's intensity follows the disturbed weather.
    """
    for disturbance, here in placed:
        if isinstance(disturbance, kind):
            factor = factor._replace(truth=np.where(here, factor.truth * disturbance.factor, factor.truth))
    return factor


def apply_disturbances(
    scenario: Scenario, placed: tuple[Placed, ...], world: Exogenous, paid_under: Callable[[str], Floats]
) -> Exogenous:
    """Applies all disturbances to the world (B = 1), except for droughts of sun and wind.

    New tariffs are applied first; a later one in the list overrides an earlier one. Then price spikes change the
    resulting price. `paid_under` takes the name of a tariff or market of the scenario and returns the prices that the
    regions would pay under it, shape (N, R) [currency/kWh].
    """
    for disturbance, here in placed:
        if isinstance(disturbance, NewTariff):
            world = world._replace(price_per_kwh=np.where(here, paid_under(disturbance.tariff), world.price_per_kwh))
    for disturbance, here in placed:
        match disturbance:
            case PriceSpike():
                world = _spike(scenario, disturbance, here, world)
            case HeatWave():
                world = world._replace(air_c=np.where(here, world.air_c + disturbance.add_c, world.air_c))
            case DemandSurge():
                world = _surge(scenario, disturbance, here, world)
            case WorseForecasts():
                world = _blur(disturbance, here, world)
            case WanOutage():
                share = np.where(here, world.wan_share * disturbance.factor, world.wan_share)
                world = world._replace(wan_share=share)
            case GpuFailures():
                fleet = np.where(here, np.floor(world.fleet_gpus * (1.0 - disturbance.share)), world.fleet_gpus)
                world = world._replace(fleet_gpus=fleet)
    return world


def _spike(scenario: Scenario, spike: PriceSpike, here: Mask, world: Exogenous) -> Exogenous:
    hour = clock(step_minutes(int(world.start_minute[0]), here.shape[0], scenario.step_minutes)).hour
    in_hours = np.any([(hour >= first) & (hour < last) for first, last in spike.hours_of_day], axis=0)
    price = world.price_per_kwh
    spiked = price * spike.factor + spike.added_price_per_kwh
    return world._replace(price_per_kwh=np.where(here & in_hours[:, None], spiked, price))


def _surge(scenario: Scenario, surge: DemandSurge, here: Mask, world: Exogenous) -> Exogenous:
    fleet_gpus = np.array([region.fleet.gpus for region in scenario.regions])
    gpus = world.interactive_gpus
    return world._replace(interactive_gpus=np.where(here, np.minimum(gpus * surge.factor, fleet_gpus), gpus))


def _blur(worse: WorseForecasts, here: Mask, world: Exogenous) -> Exogenous:
    noise = world.noise.copy()
    rows = [ROWS[quantity] for quantity in worse.quantities]
    noise[:, rows] = np.where(here, noise[:, rows] * worse.factor, noise[:, rows])
    return world._replace(noise=noise)
