"""What disturbances do to a world that has been drawn; docs/disturbances.md says who knows of them when."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.disturbance import (
    DarkWeek,
    DemandSurge,
    Disturbance,
    GpuFailures,
    HeatWave,
    NewTariff,
    PriceSpike,
    WanOutage,
    WindDrought,
    WorseForecasts,
)
from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Exogenous, Floats
from wattward.envs.world.processes.calendar import clock, step_minutes
from wattward.envs.world.processes.gaussian import Drawn

Mask = NDArray[np.bool_]
ROWS = {"sun": SUN, "wind": WIND, "interactive": INTERACTIVE, "carbon": CARBON}


class Placed(NamedTuple):
    """A disturbance, and the steps and regions of an episode in which it acts."""

    happening: Disturbance
    here: Mask  # (N, R)


def place(scenario: Scenario, n: int, rng: np.random.Generator) -> tuple[Placed, ...]:
    """Where and when each disturbance of the scenario acts in an episode of which `n` steps are drawn.

    Args:
        scenario: its disturbances, regions and step.
        n: steps N, those of the last forecast included.
        rng: picks the beginnings that are random, each a step, in the order of the scenario.
    """
    return tuple(Placed(happening, _mask(scenario, happening, n, rng)) for happening in scenario.disturbances)


def _mask(scenario: Scenario, happening: Disturbance, n: int, rng: np.random.Generator) -> Mask:
    length = n if happening.hours is None else max(1, round(happening.hours / scenario.step_h))
    if isinstance(happening.start_h, str):
        room = scenario.n_steps - (1 if happening.hours is None else length)
        first = int(rng.integers(max(0, room) + 1))
    else:
        first = round(happening.start_h / scenario.step_h)
    when = np.zeros(n, dtype=np.bool_)
    when[first : first + length] = True
    return when[:, None] & np.array([happening.is_in(region.name) for region in scenario.regions])


def dim(placed: tuple[Placed, ...], kind: type[DarkWeek | WindDrought], factor: Drawn) -> Drawn:
    """Capacity factors under the disturbances of one kind: the truth changes, what is usual and the noise do not.

    It comes before carbon intensity is worked out, so that a grid without sun or wind is as dirty as it would be.
    """
    for happening, here in placed:
        if isinstance(happening, kind):
            factor = factor._replace(truth=np.where(here, factor.truth * happening.factor, factor.truth))
    return factor


def disturb(
    scenario: Scenario, placed: tuple[Placed, ...], world: Exogenous, paid_under: Callable[[str], Floats]
) -> Exogenous:
    """The world (B = 1) with all that befalls it but droughts of sun and wind.

    New tariffs come first, the later in the list over the earlier; then spikes on whatever the price is. `paid_under`
    gives the prices that all regions pay under a tariff or market of the scenario by its name, shape (N, R) [yuan/kWh].
    """
    for happening, here in placed:
        if isinstance(happening, NewTariff):
            world = world._replace(price_per_kwh=np.where(here, paid_under(happening.tariff), world.price_per_kwh))
    for happening, here in placed:
        match happening:
            case PriceSpike():
                world = _spike(scenario, happening, here, world)
            case HeatWave():
                world = world._replace(air_c=np.where(here, world.air_c + happening.add_c, world.air_c))
            case DemandSurge():
                world = _surge(scenario, happening, here, world)
            case WorseForecasts():
                world = _blur(happening, here, world)
            case WanOutage():
                share = np.where(here, world.wan_share * happening.factor, world.wan_share)
                world = world._replace(wan_share=share)
            case GpuFailures():
                fleet = np.where(here, np.floor(world.fleet_gpus * (1.0 - happening.share)), world.fleet_gpus)
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
