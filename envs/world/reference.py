"""Draws a world with NumPy: each process from its own stream or a recording, then disturbances.

`wattward.envs.world.compiled` draws the same worlds faster. Tests hold the two together, and recorded worlds are drawn
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.configs.schema.disturbance import DarkWeek, WindDrought
from wattward.envs.model.params import baseline_kw
from wattward.envs.model.types import SUN, WIND, Exogenous, Floats, Signals
from wattward.envs.world.disturbances import (
    Placed,
    apply_disturbances,
    apply_droughts,
    disturb_signals,
    place_disturbances,
)
from wattward.envs.world.job_trace import replay_jobs
from wattward.envs.world.prices import grid_price, price, under_contracts
from wattward.envs.world.processes.air import draw_air
from wattward.envs.world.processes.calendar import DAY_MINUTES, days_of_start, n_drawn, year_of
from wattward.envs.world.processes.carbon import intensity
from wattward.envs.world.processes.grid_events import draw_cuts
from wattward.envs.world.processes.interactive import draw_interactive
from wattward.envs.world.processes.jobs import draw_jobs
from wattward.envs.world.processes.river import draw_river
from wattward.envs.world.processes.store_rule import store_order
from wattward.envs.world.processes.streams import Generators, generator_of
from wattward.envs.world.processes.sun import draw_sun_factor
from wattward.envs.world.processes.supply import contract_kw, direct_kw
from wattward.envs.world.processes.wind import draw_wind_factor
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
from wattward.envs.world.signals import capacities_kw, drawn_grids, mix_of, pack_signals

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.world.processes.gaussian import Drawn


def draw_reference(scenario: Scenario, seed: np.random.SeedSequence, recording: Recording | None = None) -> Exogenous:
    """Draws one world (B = 1), fully determined by its arguments.

    Args:
        scenario: the scenario.
        seed: seed of the episode; it is not changed.
        recording: recorded series that replace drawn ones. Carbon that is not recorded follows the recorded weather.

    Raises:
        ConfigError: the recording is for another scenario, or the scenario's start is not a date.
    """
    rng = Generators(seed)
    n, start = n_drawn(scenario), draw_start_minute(scenario, rng["start"])
    placed = place_disturbances(scenario, n, rng["disturbances"])
    weather = _weather_and_demand(scenario, start, n, rng, recording, placed)
    cuts = draw_cuts(scenario, n, baseline_kw(scenario), rng["grid_events"])
    jobs = draw_jobs(scenario, start, seed)
    if recording is not None and recording.jobs:
        jobs = replay_jobs(recording.jobs, scenario, start, jobs, rng["replay_jobs"])
    world = Exogenous(
        start_minute=np.array([start], dtype=np.int64),
        price_per_kwh=_batch(_price(scenario, start, n, seed, recording)),
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
        signals=disturb_signals(scenario, placed, weather.signals, generator_of(seed, "disturbances", 1)),
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
        alone = grid_price(scenario.tariffs[tariff], start, n, scenario.step_minutes, seed)
        return under_contracts(scenario, np.repeat(alone[:, None], scenario.n_regions, axis=1))

    world = apply_disturbances(scenario, placed, world, paid_under)
    return world._replace(store_order=_batch(store_order(scenario, world.price_per_kwh[0])))


def draw_start_minute(scenario: Scenario, rng: np.random.Generator) -> int:
    """Midnight at which the episode starts, on a random day of the calendar year or on the scenario's own date.

    Raises:
        ConfigError: `start` is neither any_day nor a date.
    """
    first, days = days_of_start(scenario)
    return (first + int(rng.random() * days)) * DAY_MINUTES


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
    rng: Mapping[str, np.random.Generator],
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
        pack_signals((sun, wind, interactive, *measured), mix_of(scenario, grids, carbon_is_measured=bool(measured))),
    )


def _fleets(scenario: Scenario) -> Floats:
    return np.array([region.fleet.gpus for region in scenario.regions])
