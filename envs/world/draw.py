"""Draws a world: draws each process from its own seed or a recording, then applies disturbances."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.disturbance import DarkWeek, WindDrought
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.model.params import baseline_kw
from wattward.envs.model.types import Exogenous, Floats
from wattward.envs.world.disturbances import Placed, apply_disturbances, apply_droughts, place_disturbances
from wattward.envs.world.job_trace import replay_jobs
from wattward.envs.world.processes.air import draw_air
from wattward.envs.world.processes.calendar import DAY_MINUTES, minute_of, year_of
from wattward.envs.world.processes.carbon import Grids, carbon_of, grids_of
from wattward.envs.world.processes.grid_events import draw_cuts
from wattward.envs.world.processes.interactive import draw_interactive
from wattward.envs.world.processes.jobs import draw_jobs
from wattward.envs.world.processes.river import draw_river
from wattward.envs.world.processes.store_rule import store_order
from wattward.envs.world.processes.streams import child_of, generators_of
from wattward.envs.world.processes.sun import draw_sun_factor, mean_sun_factor, sun_kw
from wattward.envs.world.processes.supply import contract_kw, direct_kw
from wattward.envs.world.processes.tariff import grid_price, price, under_contracts
from wattward.envs.world.processes.wind import draw_wind_factor, mean_wind_factor, wind_kw
from wattward.envs.world.recording import (
    Recording,
    check_fits,
    replay_air,
    replay_carbon,
    replay_interactive,
    replay_measured_carbon,
    replay_price,
    replay_weather,
)

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.world.processes.gaussian import Drawn

PROCESSES = (
    "start",
    "sun",
    "wind",
    "river",
    "air",
    "interactive",
    "jobs",
    "replay_weather",
    "replay_interactive",
    "disturbances",
    "market",
    "grid_events",
    "replay_jobs",
)
"""Processes in the order of their seeds. With its own seed, none changes the draws of the others. Append only."""


def n_drawn(scenario: Scenario) -> int:
    """Number of drawn steps N: the episode plus one forecast horizon."""
    return scenario.n_steps + scenario.horizon + 1


def draw(scenario: Scenario, seed: np.random.SeedSequence, recording: Recording | None = None) -> Exogenous:
    """Draws one world (B = 1), fully determined by its arguments.

    Args:
        scenario: the scenario.
        seed: seed of the episode; it is not changed.
        recording: recorded series that replace drawn ones. Carbon that is not recorded follows the recorded weather.

    Raises:
        ConfigError: the recording is for another scenario, or the scenario's start is not a date.
    """
    rng = dict(zip(PROCESSES, generators_of(seed, len(PROCESSES)), strict=True))
    n, start = n_drawn(scenario), draw_start_minute(scenario, rng["start"])
    placed = place_disturbances(scenario, n, rng["disturbances"])
    quantities, direct = _weather_and_demand(scenario, start, n, rng, recording, placed)
    sun, wind, interactive, carbon = quantities
    market_seed = child_of(seed, PROCESSES.index("market"))
    cuts = draw_cuts(scenario, n, baseline_kw(scenario), rng["grid_events"])
    jobs = draw_jobs(scenario, start, child_of(seed, PROCESSES.index("jobs")))
    if recording is not None and recording.jobs:
        jobs = replay_jobs(recording.jobs, scenario, start, jobs, rng["replay_jobs"])
    world = Exogenous(
        start_minute=np.array([start], dtype=np.int64),
        price_per_kwh=_batch(_price(scenario, start, n, market_seed, recording)),
        carbon_kg_per_kwh=_batch(carbon.truth),
        sun_kw=_batch(sun.truth),
        wind_kw=_batch(wind.truth),
        hydro_kw=_batch(draw_river(scenario, start, n, rng["river"])),
        air_c=_batch(_air(scenario, start, n, rng["air"], recording)),
        interactive_gpus=_batch(interactive.truth),
        fleet_gpus=_batch(np.repeat(_fleets(scenario)[None], n, axis=0)),
        wan_share=_batch(np.ones((n, scenario.n_regions))),
        direct_kw=_batch(direct),
        contract_kw=_batch(contract_kw(scenario, start, n)),
        store_order=_batch(np.zeros((n, scenario.n_regions))),
        cut_kw=_batch(cuts.asked_kw),
        announced_cut_kw=_batch(cuts.announced_kw),
        announced_in_h=_batch(cuts.announced_in_h),
        climatology=_batch(*(quantity.climatology for quantity in quantities)),
        noise=_batch(*(quantity.noise for quantity in quantities)),
        n_jobs=np.array([len(jobs.gpus)], dtype=np.int64),
        job_arrival_step=jobs.arrival_step[None],
        job_deadline_step=jobs.deadline_step[None],
        job_origin=jobs.origin[None],
        job_class=jobs.job_class[None],
        job_gpus=jobs.gpus[None],
        job_work_gpu_h=jobs.work_gpu_h[None],
        job_estimate_gpu_h=jobs.estimate_gpu_h[None],
        job_data_gb=jobs.data_gb[None],
    )

    def paid_under(tariff: str) -> Floats:
        alone = grid_price(scenario.tariffs[tariff], start, n, scenario.step_minutes, market_seed)
        return under_contracts(scenario, np.repeat(alone[:, None], scenario.n_regions, axis=1))

    world = apply_disturbances(scenario, placed, world, paid_under)
    return world._replace(store_order=_batch(store_order(scenario, world.price_per_kwh[0])))


def draw_start_minute(scenario: Scenario, rng: np.random.Generator) -> int:
    """Midnight at which the episode starts, on a random day of the calendar year or on the scenario's own date.

    Raises:
        ConfigError: `start` is neither any_day nor a date.
    """
    first, last = date(scenario.calendar_year, 1, 1), date(scenario.calendar_year, 12, 31)
    if scenario.start == "any_day":
        return int(rng.integers(minute_of(first) // DAY_MINUTES, minute_of(last) // DAY_MINUTES + 1)) * DAY_MINUTES
    try:
        return minute_of(date.fromisoformat(scenario.start))
    except ValueError as error:
        raise ConfigError(
            f"scenario {scenario.name}: start = {scenario.start!r}: must be any_day or a date as '{first.isoformat()}'"
        ) from error


def _batch(*parts: Floats) -> Floats:
    """Turns one (N, R) array into (1, N, R), or several into (1, parts, N, R)."""
    whole = np.empty((1, len(parts), *parts[0].shape))
    for row, part in enumerate(parts):
        whole[0, row] = part
    return whole if len(parts) > 1 else whole[0]


def _price(scenario: Scenario, start: int, n: int, seed: np.random.SeedSequence, recording: Recording | None) -> Floats:
    """Price of grid energy, shape (N, R) [currency/kWh]."""
    if recording is not None and recording.has_prices:
        return under_contracts(scenario, replay_price(recording, start, n))
    return under_contracts(scenario, price(scenario, start, n, seed))


def _air(scenario: Scenario, start: int, n: int, rng: np.random.Generator, recording: Recording | None) -> Floats:
    """Air temperature, shape (N, R) [C]."""
    if recording is not None and recording.has_air:
        return replay_air(recording, start, n)
    return draw_air(scenario, start, n, rng)


def _weather_and_demand(
    scenario: Scenario,
    start: int,
    n: int,
    rng: dict[str, np.random.Generator],
    recording: Recording | None,
    placed: tuple[Placed, ...],
) -> tuple[tuple[Drawn, Drawn, Drawn, Drawn], Floats]:
    """Sun [kW], wind [kW], interactive load [GPUs], carbon [kg/kWh], and the power of direct lines, (N, R) [kW]."""
    if recording is not None:
        check_fits(recording, scenario)
    carbon = None
    if recording is not None and recording.has_carbon:
        carbon = replay_measured_carbon(recording, start, n, deepcopy(rng["replay_weather"]))
    if recording is not None and recording.has_weather:
        sun, wind = replay_weather(recording, start, n, rng["replay_weather"])
    else:
        sun = draw_sun_factor(scenario, start, n, rng["sun"])
        wind = draw_wind_factor(scenario, start, n, rng["wind"])
    if recording is not None and recording.has_requests:
        interactive = replay_interactive(recording, scenario.regions, start, n, rng["replay_interactive"])
    else:
        interactive = draw_interactive(scenario, start, n, rng["interactive"])
    sun, wind = apply_droughts(placed, DarkWeek, sun), apply_droughts(placed, WindDrought, wind)
    if carbon is None and recording is not None and recording.has_weather:
        carbon = replay_carbon(recording, scenario.regions, sun, wind)
    elif carbon is None:
        carbon = draw_carbon(scenario, start, sun, wind)
    direct = direct_kw(scenario, sun.truth, wind.truth)
    return (sun_kw(scenario, sun), wind_kw(scenario, wind), interactive, carbon), direct


def draw_carbon(scenario: Scenario, start_minute: int, sun_factor: Drawn, wind_factor: Drawn) -> Drawn:
    """Carbon intensity that follows from drawn capacity factors, three (N, R) arrays [kg/kWh].

    Args:
        scenario: gives the regions and the step.
        start_minute: start of the first step [minutes since 1970-01-01].
        sun_factor: result of `draw_sun_factor`.
        wind_factor: result of `draw_wind_factor`.
    """
    return carbon_of(drawn_grids(scenario, year_of(start_minute)), sun_factor, wind_factor)


@cached_for_owner
def drawn_grids(scenario: Scenario, year: int) -> Grids:
    """The grids of a scenario, with the means of drawn sun and wind in that year."""
    clock = scenario.step_minutes, scenario.utc_offset_minutes
    means = [(mean_sun_factor(region, year, *clock), mean_wind_factor(region)) for region in scenario.regions]
    return grids_of(scenario.regions, means)


def _fleets(scenario: Scenario) -> Floats:
    return np.array([region.fleet.gpus for region in scenario.regions])
