"""Packs what forecasts are made of, and the tables that the kernels need for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wattward.envs.kernels.forecast import ForecastTables
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Signals
from wattward.envs.world.processes.carbon import Grids, by_factor, grids_of
from wattward.envs.world.processes.forecast import level_of_lead
from wattward.envs.world.processes.interactive import interactive_law
from wattward.envs.world.processes.sun import mean_sun_factor, sun_law
from wattward.envs.world.processes.wind import mean_wind_factor, wind_law

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats
    from wattward.envs.world.processes.gaussian import Drawn

ALL_KNOWN = 1.0 - 1e-9
"""From this share of the variance on, a forecast is the truth."""


@cached_for_owner
def forecast_tables(scenario: Scenario) -> ForecastTables:
    """The tables that forecasts of a scenario need. Shares of the variance are means over the regions."""
    sun, wind, interactive = sun_law(scenario), wind_law(scenario), interactive_law(scenario)
    by_region = [law.foresight.explained for law in (sun, wind, interactive)]
    shares = np.array([[region.carbon.sun_share, region.carbon.wind_share] for region in scenario.regions]) ** 2
    of_grid = shares.sum(axis=0) / shares.sum() if shares.any() else np.full(2, 0.5)
    explained = np.empty((4, scenario.horizon + 1))
    for quantity, known in zip((SUN, WIND, INTERACTIVE), by_region, strict=True):
        explained[quantity] = known.mean(axis=1)
    explained[CARBON] = of_grid @ explained[[SUN, WIND]]
    is_seen = explained >= ALL_KNOWN
    explained[is_seen] = 1.0
    return ForecastTables(
        level_of_lead=level_of_lead(scenario.horizon),
        is_seen=is_seen,
        explained=explained,
        blur=np.sqrt(np.maximum(0.0, explained * (1.0 - explained))),
        variance=np.stack([sun.within_variance.T, by_region[WIND].T]),
        day_share=sun.day_share,
        day_known=np.cumsum(sun.foresight.weights[:0:-1], axis=0)[::-1].copy(),
    )


def pack_signals(drawn: tuple[Drawn, ...], mix: Floats) -> Signals:
    """Packs what forecasts are made of, B = 1, without disturbances.

    Args:
        drawn: the signals sun, wind, interactive load and, where it is recorded, carbon intensity.
        mix: each forecast quantity as a constant plus a sum over the signals, shape (4, R, 1 + S).
    """
    parts = [one.known for one in drawn]
    n_regions, levels, n = parts[SUN].ahead.shape
    orders, shape = max(known.response.shape[1] for known in parts), (1, len(parts), n_regions)
    response, ahead = np.zeros((*shape, orders, n)), np.empty((*shape, levels, n))
    slow, fast, memory = np.empty((*shape, n)), np.empty((*shape, n)), np.empty((*shape, 4))
    for i, known in enumerate(parts):
        response[0, i, :, : known.response.shape[1]] = known.response
        slow[0, i], fast[0, i], ahead[0, i], memory[0, i] = known.slow, known.fast, known.ahead, known.memory.T
    start, days, kept = parts[SUN].day_start, parts[SUN].days, parts[SUN].days_kept
    return Signals(
        response=response,
        slow=slow,
        fast=fast,
        memory=memory,
        ahead=ahead,
        day_start=np.zeros((1, n_regions, 0), np.int64) if start is None else start[None],
        days=np.zeros((1, n_regions, 1, 0)) if days is None else days[None],
        days_kept=np.zeros((1, n_regions)) if kept is None else kept[None],
        mix=mix[None],
        impact=np.zeros((1, 0, n_regions, n)),
        false_news=np.zeros((1, 0, n_regions, n)),
    )


def mix_of(scenario: Scenario, grids: Grids, *, carbon_is_measured: bool) -> Floats:
    """Each forecast quantity as a constant plus a sum over the signals, shape (4, R, 1 + S)."""
    mix = np.zeros((4, scenario.n_regions, 5 if carbon_is_measured else 4))
    mix[SUN, :, 1 + SUN], mix[WIND, :, 1 + WIND] = capacities_kw(scenario)
    mix[INTERACTIVE, :, 1 + INTERACTIVE] = 1.0
    if carbon_is_measured:
        mix[CARBON, :, 1 + CARBON] = 1.0
    else:
        mix[CARBON, :, 0], mix[CARBON, :, 1 + SUN], mix[CARBON, :, 1 + WIND] = by_factor(grids)
    return mix


@cached_for_owner
def capacities_kw(scenario: Scenario) -> Floats:
    """Capacities of sun and wind on site, shape (2, R) [kW]."""
    regions = scenario.regions
    return np.array([[region.sun.capacity_kw for region in regions], [region.wind.capacity_kw for region in regions]])


@cached_for_owner
def drawn_grids(scenario: Scenario, year: int) -> Grids:
    """The grids of a scenario, with the means of drawn sun and wind in that year."""
    clock = scenario.step_minutes, scenario.utc_offset_minutes
    means = [(mean_sun_factor(region, year, *clock), mean_wind_factor(region)) for region in scenario.regions]
    return grids_of(scenario.regions, means)
