"""Draws a world: draws each process from its own seed or a recording, then applies disturbances."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.disturbance import DarkWeek, WindDrought
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.model.params import baseline_kw
from wattward.envs.model.types import CARBON, INTERACTIVE, SUN, WIND, Exogenous, Floats, Signals
from wattward.envs.world.disturbances import (
    Placed,
    apply_disturbances,
    apply_droughts,
    disturb_signals,
    place_disturbances,
)
from wattward.envs.world.job_trace import replay_jobs
from wattward.envs.world.processes.air import draw_air
from wattward.envs.world.processes.calendar import DAY_MINUTES, minute_of, year_of
from wattward.envs.world.processes.carbon import Grids, by_factor, grids_of, intensity
from wattward.envs.world.processes.grid_events import draw_cuts
from wattward.envs.world.processes.interactive import draw_interactive
from wattward.envs.world.processes.jobs import draw_jobs
from wattward.envs.world.processes.river import draw_river
from wattward.envs.world.processes.store_rule import store_order
from wattward.envs.world.processes.streams import child_of, generators_of
from wattward.envs.world.processes.sun import draw_sun_factor, mean_sun_factor
from wattward.envs.world.processes.supply import contract_kw, direct_kw
from wattward.envs.world.processes.tariff import grid_price, price, under_contracts
from wattward.envs.world.processes.wind import draw_wind_factor, mean_wind_factor
from wattward.envs.world.recording import (
    Recording,
    check_fits,
    recorded_grids,
    replay_air,
    replay_interactive,
    replay_measured_carbon,
    replay_price,
    replay_weather,
)
from wattward.envs.world.signals import pack_signals

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
    weather = _weather_and_demand(scenario, start, n, rng, recording, placed)
    market_seed = child_of(seed, PROCESSES.index("market"))
    cuts = draw_cuts(scenario, n, baseline_kw(scenario), rng["grid_events"])
    jobs = draw_jobs(scenario, start, child_of(seed, PROCESSES.index("jobs")))
    if recording is not None and recording.jobs:
        jobs = replay_jobs(recording.jobs, scenario, start, jobs, rng["replay_jobs"])
    world = Exogenous(
        start_minute=np.array([start], dtype=np.int64),
        price_per_kwh=_batch(_price(scenario, start, n, market_seed, recording)),
        carbon_kg_per_kwh=_batch(weather.carbon_kg_per_kwh),
        sun_kw=_batch(weather.sun_factor * capacities_kw(scenario)[SUN]),
        wind_kw=_batch(weather.wind_factor * capacities_kw(scenario)[WIND]),
        hydro_kw=_batch(draw_river(scenario, start, n, rng["river"])),
        air_c=_batch(_air(scenario, start, n, rng["air"], recording)),
        interactive_gpus=_batch(weather.interactive_gpus),
        fleet_gpus=_batch(np.repeat(_fleets(scenario)[None], n, axis=0)),
        wan_share=_batch(np.ones((n, scenario.n_regions))),
        direct_kw=_batch(direct_kw(scenario, weather.sun_factor, weather.wind_factor)),
        contract_kw=_batch(contract_kw(scenario, start, n)),
        store_order=_batch(np.zeros((n, scenario.n_regions))),
        cut_kw=_batch(cuts.asked_kw),
        announced_cut_kw=_batch(cuts.announced_kw),
        announced_in_h=_batch(cuts.announced_in_h),
        signals=disturb_signals(scenario, placed, weather.signals, rng["disturbances"]),
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


def _batch(part: Floats) -> Floats:
    """Turns an (N, R) array into a contiguous one of shape (1, N, R)."""
    return np.ascontiguousarray(part)[None]


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


class Weather(NamedTuple):
    """Weather, requests and carbon of an episode, each (N, R) if not stated."""

    sun_factor: Floats
    wind_factor: Floats
    interactive_gpus: Floats
    carbon_kg_per_kwh: Floats
    signals: Signals  # before disturbances


def _weather_and_demand(
    scenario: Scenario,
    start: int,
    n: int,
    rng: dict[str, np.random.Generator],
    recording: Recording | None,
    placed: tuple[Placed, ...],
) -> Weather:
    """Drawn or recorded sun, wind, interactive load and carbon intensity; droughts act on the truth."""
    measured: tuple[Drawn, ...] = ()
    if recording is not None:
        check_fits(recording, scenario)
    if recording is not None and recording.has_carbon:
        measured = (replay_measured_carbon(recording, scenario, start, n, rng["replay_weather"]),)
    if recording is not None and recording.has_weather:
        sun, wind = replay_weather(recording, scenario, start, n, rng["replay_weather"])
        grids = recorded_grids(recording, scenario.regions)
    else:
        sun = draw_sun_factor(scenario, start, n, rng["sun"])
        wind = draw_wind_factor(scenario, start, n, rng["wind"])
        grids = drawn_grids(scenario, year_of(start))
    if recording is not None and recording.has_requests:
        interactive = replay_interactive(recording, scenario, start, n, rng["replay_interactive"])
    else:
        interactive = draw_interactive(scenario, start, n, rng["interactive"])
    sun_factor = apply_droughts(placed, DarkWeek, sun.truth)
    wind_factor = apply_droughts(placed, WindDrought, wind.truth)
    return Weather(
        sun_factor,
        wind_factor,
        interactive.truth,
        measured[0].truth if measured else intensity(grids, sun_factor, wind_factor),
        pack_signals((sun, wind, interactive, *measured), _mix(scenario, grids, bool(measured))),
    )


def _mix(scenario: Scenario, grids: Grids, carbon_is_measured: bool) -> Floats:
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


def _fleets(scenario: Scenario) -> Floats:
    return np.array([region.fleet.gpus for region in scenario.regions])
