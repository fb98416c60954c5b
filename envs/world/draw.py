"""Draws worlds: in compiled code, or with NumPy where a recording replaces drawn series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import called, digest_of, entry
from wattward.envs.model import layout
from wattward.envs.model.layout import (
    CARBON_INTENSITY,
    CONTRACT_KW,
    DIRECT_KW,
    FLEET_GPUS,
    JOB,
    N_SERIES,
    SERIES,
    STORE_ORDER,
    SUN_KW,
    WAN_SHARE,
    WIND_KW,
    Rows,
    pack_jobs,
    series_of,
)
from wattward.envs.model.params import baseline_kw
from wattward.envs.model.types import SUN, WIND, Exogenous, Floats, Ints, Signals
from wattward.envs.world.compiled import arrivals, events, prices, weather
from wattward.envs.world.compiled.arrivals import FULL, N_NOTES
from wattward.envs.world.compiled.memory import (
    AT,
    FIRST_DAY,
    N_DAYS,
    N_STEPS,
    STEP_MINUTES,
    STEPS_OF_DAY,
    YEAR_DAY,
    addresses_of,
    flags_1,
    floats_1,
    floats_2,
    floats_3,
    ints_1,
)
from wattward.envs.world.compiled.philox import Words, fill_uniform
from wattward.envs.world.compiled.tables import cut_tables, signal_tables, tables_of
from wattward.envs.world.processes.calendar import n_drawn
from wattward.envs.world.processes.jobs import QUANTITIES
from wattward.envs.world.processes.streams import key_of, stream_of
from wattward.envs.world.reference import draw_reference

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.world.recording import Recording

START_STREAM = stream_of("start")
SPARE_SPREADS = 8
"""Room for jobs beyond their expected number, in standard deviations of a Poisson number."""


def draw(scenario: Scenario, seed: np.random.SeedSequence, recording: Recording | None = None) -> Exogenous:
    """Draws one world (B = 1), fully determined by its arguments.

    Args:
        scenario: the scenario.
        seed: seed of the episode; it is not changed.
        recording: recorded series that replace drawn ones. Carbon that is not recorded follows the recorded weather.

    Raises:
        ConfigError: the recording is for another scenario, or the scenario's start is not a date.
    """
    if recording is not None:
        return draw_reference(scenario, seed, recording)
    drawing = Drawing(scenario)
    return drawing.world(drawing.draw(seed))


class Drawing:
    """Draws episodes of a scenario, one after the other, into arrays of its own. They are made for the first one.

    Attributes:
        start_minute: Start of the episode that was drawn last.
        series: Series of its world, shape (N_SERIES, R, N); the next draw may overwrite it.
        signals: What its forecasts are made of (B = 1); the next draw may overwrite it.
        jobs: Its rows of JOB by (arrival, deadline, number), and more rows without meaning, shape (J,).
    """

    start_minute: int
    series: Floats
    signals: Signals
    jobs: Rows

    def __init__(self, scenario: Scenario, recording: Recording | None = None) -> None:
        """Takes the scenario; the series of a recording replace the drawn ones."""
        self._scenario, self._recording = scenario, recording
        self._arrays: dict[str, NDArray[Any]] = {}

    def __reduce__(self) -> tuple[type[Drawing], tuple[Scenario, Recording | None]]:
        return type(self), (self._scenario, self._recording)  # a copy needs addresses of its own

    def draw(self, seed: np.random.SeedSequence) -> int:
        """Draws an episode, and returns its number of jobs.

        Raises:
            ConfigError: the recording is for another scenario, or the scenario's start is not a date.
        """
        if self._recording is not None:
            return self._replay(draw_reference(self._scenario, seed, self._recording))
        if not self._arrays:
            self._make_room()
        n_jobs = draw_one(self._addresses, key_of(seed))
        while n_jobs == FULL:
            self._make_room_for_jobs(2 * self.jobs.size)
            n_jobs = draw_one(self._addresses, key_of(seed))
        self.start_minute = int(self._arrays["start_minute"][0])
        return n_jobs

    def _replay(self, world: Exogenous) -> int:
        self.start_minute, self.signals = int(world.start_minute[0]), world.signals
        self.series, self.jobs = series_of(world), pack_jobs(world)
        return self.jobs.size

    def world(self, n_jobs: int) -> Exogenous:
        """A copy of what was drawn last, with its number of jobs."""
        names = zip((*SERIES, "air_c"), self.series, strict=True)
        jobs = np.sort(self.jobs[:n_jobs], order="number")
        columns: dict[str, NDArray[Any]] = {
            name: jobs[name].astype(np.int64) for name in ("arrival_step", "deadline_step", "origin", "job_class")
        }
        columns |= {name: jobs[name].copy() for name in ("gpus", "work_gpu_h", "estimate_gpu_h", "data_gb")}
        return Exogenous(
            start_minute=np.array([self.start_minute]),
            n_jobs=np.array([n_jobs]),
            signals=Signals._make(part.copy() for part in self.signals),
            **{name: np.ascontiguousarray(row.T)[None] for name, row in names},
            **{f"job_{name.removeprefix('job_')}": column[None] for name, column in columns.items()},
        )

    def _make_room(self) -> None:
        room = {name: np.ascontiguousarray(array) for name, array in _room(self._scenario).items()}
        cuts = cut_tables(self._scenario, baseline_kw(self._scenario))
        self._arrays = tables_of(self._scenario) | cuts | room
        self.series = self._arrays["series"]
        self.signals = Signals(**{name: self._arrays[f"signals_{name}"] for name in Signals._fields})
        self._make_room_for_jobs(_expected_jobs(self._arrays))

    def _make_room_for_jobs(self, n_jobs: int) -> None:
        self.jobs = np.zeros(n_jobs, JOB)
        self._arrays |= {"jobs": self.jobs, "found": np.zeros(n_jobs, JOB)}
        self._arrays |= {"notes": np.zeros((N_NOTES, n_jobs), np.int64), "job_normals": np.zeros(QUANTITIES * n_jobs)}
        self._addresses = addresses_of(self._arrays)


def _room(scenario: Scenario) -> dict[str, NDArray[Any]]:
    """Arrays for what is drawn, except for jobs."""
    tables, parts = tables_of(scenario), signal_tables(scenario)
    n, regions, levels = n_drawn(scenario), scenario.n_regions, tables["wind_weights"].shape[0] - 1
    days, shape = parts.day_start.shape[2], (1, 3, regions)
    return {
        "start_minute": np.zeros(1, np.int64),
        "series": np.zeros((N_SERIES, regions, n)),
        "normals": np.zeros(regions * ((days + n) * (1 + levels) + 4)),
        "course": np.zeros((3, regions, n)),
        "noise": np.zeros((levels, regions, n)),
        "daily": np.zeros((3, regions, days)),
        "daily_noise": np.zeros((levels, regions, days)),
        "daily_ahead": np.zeros((regions, levels, days)),
        "factors": np.zeros((2, regions, n)),
        "by_tariff": np.zeros((tables["market_of"].size, n)),
        "begins": np.zeros(tables["kind"].size, np.int64),
        "signals_response": np.zeros((*shape, parts.orders, n)),
        "signals_slow": np.zeros((*shape, n)),
        "signals_fast": np.zeros((*shape, n)),
        "signals_memory": parts.memory,
        "signals_ahead": np.zeros((*shape, levels, n)),
        "signals_day_start": parts.day_start,
        "signals_days": np.zeros((1, regions, 1 + levels, days)),
        "signals_days_kept": parts.days_kept,
        "signals_mix": parts.mix,
        "signals_impact": np.ones((1, 3 if parts.has_impact else 0, regions, n)),
        "signals_false_news": np.zeros((1, 4 if parts.has_false_news else 0, regions, n)),
    }


def _expected_jobs(tables: Mapping[str, NDArray[Any]]) -> int:
    """Number of jobs for which there should be room in an episode."""
    rate, n_steps = tables["job_rate"].sum(axis=0), int(tables["calendar"][N_STEPS])
    weeks, rest = divmod(n_steps, rate.size)
    most = weeks * rate.sum() + min(rate.sum(), rate.max() * rest)
    return int(most + SPARE_SPREADS * sqrt(most)) + 64


@called
def _fill_from_factors(a: Ints) -> None:
    """Fills what follows from the capacity factors of sun and wind, and what is constant."""
    fleet_gpus = floats_1(a, AT.fleet_gpus)
    series, factors, kg = floats_3(a, AT.series), floats_3(a, AT.factors), floats_2(a, AT.carbon_by_factor)
    site_kw, direct_kw, contract_kw = (
        floats_2(a, AT.capacity_kw),
        floats_2(a, AT.direct_kw),
        floats_2(a, AT.contract_kw),
    )
    for r in range(series.shape[1]):
        for t in range(series.shape[2]):
            sun, wind = factors[SUN, r, t], factors[WIND, r, t]
            series[CARBON_INTENSITY, r, t] = max(0.0, kg[0, r] + kg[1, r] * sun + kg[2, r] * wind)
            series[SUN_KW, r, t] = site_kw[SUN, r] * sun
            series[WIND_KW, r, t] = site_kw[WIND, r] * wind
            series[DIRECT_KW, r, t] = direct_kw[SUN, r] * sun + direct_kw[WIND, r] * wind
            series[CONTRACT_KW, r, t] = contract_kw[r, t % contract_kw.shape[1]]
            series[FLEET_GPUS, r, t], series[WAN_SHARE, r, t], series[STORE_ORDER, r, t] = fleet_gpus[r], 1.0, 0.0


def _entry(sources: int) -> Callable[[Ints, Words], int]:
    """Makes the entry. It closes over the digest of its sources, so that a change invalidates Numba's cache."""

    @entry
    def draw_one(a: Ints, key: Words) -> int:
        """Draws an episode into the arrays of a table of addresses; returns its number of jobs, or FULL."""
        _ = sources
        calendar = ints_1(a, AT.calendar)
        uniform = np.empty(1)
        fill_uniform(key, START_STREAM, 0, uniform)
        first_day = calendar[FIRST_DAY] + int(uniform[0] * calendar[N_DAYS])
        week_step = first_day * calendar[STEPS_OF_DAY]
        ints_1(a, AT.start_minute)[0] = week_step * calendar[STEP_MINUTES]
        day = first_day - calendar[YEAR_DAY]
        events.place_disturbances(a, key)
        weather.draw_sun(a, key, day)
        weather.draw_wind(a, key, day)
        weather.draw_requests(a, key, week_step)
        events.apply_droughts(a)
        _fill_from_factors(a)
        events.disturb_signals(a, key)
        weather.draw_river(a, key, day)
        weather.draw_air(a, key, day)
        prices.draw_tariffs(a, key, day)
        prices.fill_prices(a)
        events.draw_cuts(a, key)
        events.apply_disturbances(a)
        has_stores = flags_1(a, AT.has_stores)
        for r in range(has_stores.size):
            if has_stores[r]:
                events.fill_store_orders(a, r)
        return arrivals.draw_jobs(a, key, week_step)

    return draw_one


_HERE = Path(__file__).parent
_SOURCES = (Path(__file__), Path(str(layout.__file__)), *_HERE.glob("compiled/*.py"), *_HERE.glob("processes/*.py"))
draw_one = _entry(digest_of(*_SOURCES))
