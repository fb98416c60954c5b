"""Applies disturbances to a drawn world. docs/disturbances.md says when policies learn of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.disturbance import (
    DarkWeek,
    DemandSurge,
    Disturbance,
    Drought,
    GpuFailures,
    HeatWave,
    NewTariff,
    PriceSpike,
    WanOutage,
    WindDrought,
    WorseForecasts,
)
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Exogenous, Floats, Signals
from wattward.envs.world.processes.calendar import clock, step_minutes
from wattward.envs.world.processes.gaussian import field, field_law, persistence, shared_weather

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario

Mask = NDArray[np.bool_]
ROWS = {"sun": SUN, "wind": WIND, "interactive": INTERACTIVE, "carbon": CARBON}
SIGNALS = {DarkWeek: SUN, WindDrought: WIND, DemandSurge: INTERACTIVE}
"""The signal that each of these kinds multiplies by its factor."""


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


def length_and_room(scenario: Scenario, disturbance: Disturbance, n: int) -> tuple[int, int]:
    """Steps that a disturbance lasts, and the number of steps at which it may start if its start is random."""
    length = n if disturbance.hours is None else max(1, round(disturbance.hours / scenario.step_h))
    return length, max(0, scenario.n_steps - (1 if disturbance.hours is None else length)) + 1


def _mask(scenario: Scenario, disturbance: Disturbance, n: int, rng: np.random.Generator) -> Mask:
    length, room = length_and_room(scenario, disturbance, n)
    if isinstance(disturbance.start_h, str):
        first = int(rng.random() * room)
    else:
        first = round(disturbance.start_h / scenario.step_h)
    when = np.zeros(n, dtype=np.bool_)
    when[first : first + length] = True
    return when[:, None] & np.array([disturbance.is_in(region.name) for region in scenario.regions])


def apply_droughts(placed: tuple[Placed, ...], kind: type[Drought], factor: Floats) -> Floats:
    """Applies the disturbances of one kind to true capacity factors, (N, R). `disturb_signals` does so to forecasts.

    This happens before carbon intensity is computed, so that the grid's intensity follows the disturbed weather.
    """
    for disturbance, here in placed:
        if isinstance(disturbance, kind):
            factor = np.where(here, factor * disturbance.factor, factor)
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


def disturb_signals(
    scenario: Scenario, placed: tuple[Placed, ...], signals: Signals, rng: np.random.Generator
) -> Signals:
    """Applies disturbances to what forecasts are made of (B = 1).

    A forecast shows as much of a disturbance as it explains of the variance at its lead. Worse forecasts contain false
    news: anomalies of the quantities' own spread that never come. They last as long as the memory of forecasts.

    Args:
        scenario: gives the memories of forecasts, the places and the fleets.
        placed: the disturbances.
        signals: what forecasts are made of in the undisturbed world.
        rng: draws the false news.
    """
    kinds = {type(disturbance) for disturbance, _ in placed}
    if kinds & SIGNALS.keys():
        signals = signals._replace(impact=_impact(scenario, placed, signals))
    if WorseForecasts in kinds:
        signals = signals._replace(false_news=_false_news(scenario, placed, signals, rng))
    return signals


def _impact(scenario: Scenario, placed: tuple[Placed, ...], signals: Signals) -> Floats:
    """Factors on the signals, shape (1, S, R, N); requests rise at most to the fleet."""
    impact = np.ones((1, *signals.slow.shape[1:]))
    for disturbance, here in placed:
        if isinstance(disturbance, Drought | DemandSurge):
            impact[0, SIGNALS[type(disturbance)]] *= np.where(here.T, disturbance.factor, 1.0)
    fleet_gpus = np.array([[region.fleet.gpus] for region in scenario.regions])
    most = fleet_gpus / np.maximum(signals.response[0, INTERACTIVE, :, 0], 1e-9)
    impact[0, INTERACTIVE] = np.minimum(impact[0, INTERACTIVE], np.maximum(1.0, most))
    return impact


def _false_news(scenario: Scenario, placed: tuple[Placed, ...], signals: Signals, rng: np.random.Generator) -> Floats:
    """Errors that are added to the forecasts of the quantities, shape (1, 4, R, N)."""
    n_regions, n = signals.slow.shape[2:]
    factor = np.ones((4, n_regions, n))
    for disturbance, here in placed:
        if isinstance(disturbance, WorseForecasts):
            for quantity in disturbance.quantities:
                factor[ROWS[quantity]] *= np.where(here.T, disturbance.factor, 1.0)
    spread = np.einsum("qri,irn->qirn", signals.mix[0, :, :, 1:], signals.response[0, :, :, 1])
    memories = scenario.forecast.memory_h
    shared = shared_weather(scenario.places, scenario.weather_correlation_km)
    news = [
        field(n, field_law(persistence(scenario.step_h, (hours,) * n_regions), shared), rng).T for hours in memories
    ]
    return (np.sqrt(factor**2 - 1.0) * np.sqrt((spread**2).sum(axis=1)) * np.stack(news))[None]
