"""Worlds from recorded files: sun, wind, interactive load, air temperature, carbon intensity, prices and jobs.

The following rules are choices of this project:

- Weather plays from the episode's date in the recorded year (29 February plays as 1 March if that year has none). After
  the end of the recorded year it continues at the start. A series stamped with the ends of its intervals is read one
  interval earlier.
- Requests of the shipped layout have no published start hour. Their mean day, smoothed over 3 hours, is shifted so that
  its peak falls on the peak of the region's `shape_by_hour` by that region's clock. Day d since 1970-01-01 plays the
  recorded day d modulo the number of recorded days. The trace is scaled to the region's mean load.
- An imported recording (see `envs/world/tidy.py`) may hold only some of the series; the others are drawn. A series must
  cover every region. Imported requests are GPUs with dates: they are not shifted, scaled or smoothed.
- Jobs follow the rules of `envs/world/job_trace.py`.
- Climatology is the recording's own mean by month and step of the day (for requests: by step of the day). Forecasts
  are made as for drawn worlds, from the latents of the recorded series (see `envs/world/recorded_latents.py`). What is
  known ahead of their innovations is drawn, with noise of the innovations' own spread and correlation.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.configs.loading.reading import check, find, read_yaml
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.locale import utc_offset_minutes
from wattward.configs.schema.recording import CapacityFactors, RecordingLayout, Requests
from wattward.envs.model.caching import cached_for_owner
from wattward.envs.world.processes.calendar import DAY_MINUTES, EPOCH, clock, minute_of, step_minutes
from wattward.envs.world.processes.carbon import Grids, grids_of
from wattward.envs.world.processes.forecast import Foresight, foresee, known_ahead, persistence_curve
from wattward.envs.world.processes.gaussian import Drawn, Known
from wattward.envs.world.recorded_latents import STILL, Latents, draw_noise, innovation_root, latents_of
from wattward.envs.world.series import Series, read_series, resample
from wattward.envs.world.tidy import AIR, CARBON, FACTS_FILE, PRICE, REQUESTS, SUN, WIND, JobTrace, read_tidy

if TYPE_CHECKING:
    from wattward.configs.schema.region import Region
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats

DEFAULT_LAYOUT = "china-2020"
LAYOUT_FILE = "recording.yaml"
SMOOTHING_H = 3
DAYLIGHT = 0.2
"""The sun of hours whose spread is below this share of the greatest is forecast as its mean."""


@dataclass(frozen=True, eq=False)
class Recording:
    """Recorded series at a scenario's step, in the order of its regions.

    S is the number of steps in the recorded year; 0 if no weather is recorded.
    """

    name: str
    region_names: tuple[str, ...]
    step_minutes: int
    year: int  # of the weather
    sun_cf: Floats  # (S, R) capacity factor
    wind_cf: Floats  # (S, R)
    requests: Floats  # (days x steps per day, R) request rate / its mean, from a midnight of the scenario's clock
    requests_are_gpus: bool = False  # whether `requests` are GPUs instead of rates / their mean
    dated: dict[str, Floats] = field(
        default_factory=dict
    )  # (S, R) further series by their names in `envs/world/tidy.py`
    jobs: tuple[JobTrace, ...] = ()  # see `envs/world/job_trace.py`

    @property
    def has_weather(self) -> bool:
        """Whether sun and wind are recorded."""
        return len(self.sun_cf) > 0

    @property
    def max_price_per_kwh(self) -> tuple[float, ...] | None:
        """The highest recorded price of each region; None if prices are not recorded."""
        prices = self.dated.get(PRICE)
        return None if prices is None else tuple(prices.max(axis=0).tolist())

    @property
    def has_prices(self) -> bool:
        """Whether prices are recorded."""
        return PRICE in self.dated

    @property
    def has_air(self) -> bool:
        """Whether air temperature is recorded."""
        return AIR in self.dated

    @property
    def has_carbon(self) -> bool:
        """Whether carbon intensity is recorded."""
        return CARBON in self.dated

    @property
    def has_requests(self) -> bool:
        """Whether the interactive load is recorded."""
        return len(self.requests) > 0


def load_recording(directory: Path, scenario: Scenario) -> Recording:
    """Reads a folder of recordings for a scenario.

    Args:
        directory: the folder. Without `recording.yaml` (see `configs/schema/recording.py`) its layout is `china-2020`.
        scenario: the scenario. The provinces of its regions select the columns.

    Raises:
        ConfigError: a file or column is missing, or a row cannot be used.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise ConfigError(f"{directory}: no such folder of recordings")
    own = directory / LAYOUT_FILE
    if (directory / FACTS_FILE).is_file() and not own.is_file():
        return _imported(directory, scenario)
    layout_path = own if own.is_file() else find("recordings", DEFAULT_LAYOUT)
    layout = check(RecordingLayout, read_yaml(layout_path), layout_path)
    sun_year, sun = _read_weather(directory, layout.sun, scenario, layout.timezone)
    wind_year, wind = _read_weather(directory, layout.wind, scenario, layout.timezone)
    if sun_year != wind_year:
        raise ConfigError(
            f"{directory / layout.wind.path}: year {wind_year} differs from {layout.sun.path}'s {sun_year}"
        )
    return Recording(
        name=layout.name,
        region_names=tuple(region.name for region in scenario.regions),
        step_minutes=scenario.step_minutes,
        year=sun_year,
        sun_cf=sun,
        wind_cf=wind,
        requests=_read_requests(directory, layout.requests, scenario),
    )


def _imported(directory: Path, scenario: Scenario) -> Recording:
    tidy = read_tidy(directory, scenario)
    nothing: Floats = np.zeros((0, scenario.n_regions))
    sun, wind = tidy.dated.get(SUN, nothing), tidy.dated.get(WIND, nothing)
    step = scenario.step_minutes
    return Recording(
        name=tidy.name,
        region_names=tuple(region.name for region in scenario.regions),
        step_minutes=step,
        year=tidy.year,
        sun_cf=sun,
        wind_cf=wind,
        requests=nothing if tidy.requests is None else tidy.requests,
        requests_are_gpus=True,
        dated={name: values for name, values in tidy.dated.items() if name not in (SUN, WIND)},
        jobs=tidy.jobs,
    )


def check_fits(recording: Recording, scenario: Scenario) -> None:
    """Refuses a recording that was loaded for other regions or another step.

    Raises:
        ConfigError: the regions or the step differ.
    """
    names = tuple(region.name for region in scenario.regions)
    if recording.region_names != names or recording.step_minutes != scenario.step_minutes:
        raise ConfigError(
            f"recording {recording.name} was loaded for {', '.join(recording.region_names)} "
            f"at {recording.step_minutes} minutes; "
            f"scenario {scenario.name} has {', '.join(names)} at {scenario.step_minutes}"
        )


class Replay(NamedTuple):
    """A recorded series of R regions, and what forecasts of it need."""

    values: Floats  # (S, R)
    latents: Latents
    foresight: Foresight
    root: Floats  # (R, G) root of the correlation of the innovations with those of all G series recorded with it


@cached_for_owner
def _dated(scenario: Scenario, recording: Recording) -> dict[str, Replay]:
    """Sun, wind and carbon intensity, as far as they are recorded."""
    found = {SUN: recording.sun_cf, WIND: recording.wind_cf} if recording.has_weather else {}
    if recording.has_carbon:
        found[CARBON] = recording.dated[CARBON]
    steps = len(next(iter(found.values())))
    minutes = step_minutes(minute_of(date(recording.year, 1, 1)), steps, recording.step_minutes)
    per_day = DAY_MINUTES // recording.step_minutes
    bucket = (clock(minutes).month - 1) * per_day + np.arange(steps) % per_day
    return _replays(scenario, found, bucket)


@cached_for_owner
def _load(scenario: Scenario, recording: Recording) -> Replay:
    """GPUs that serve requests, at most the fleet."""
    regions = scenario.regions
    mean = 1.0 if recording.requests_are_gpus else np.array([region.interactive.mean_gpus for region in regions])
    gpus = np.minimum(recording.requests * mean, np.array([region.fleet.gpus for region in regions]))
    bucket = np.arange(len(gpus)) % (DAY_MINUTES // recording.step_minutes)
    return _replays(scenario, {REQUESTS: gpus}, bucket)[REQUESTS]


def _replays(scenario: Scenario, found: dict[str, Floats], bucket: NDArray[np.int64]) -> dict[str, Replay]:
    """What forecasts need of series that were recorded together, by name; `bucket` is that of `latents_of`."""
    memory_h = dict(zip((SUN, WIND, REQUESTS, CARBON), scenario.forecast.memory_h, strict=True))
    latents = {
        name: latents_of(values, bucket, scenario.step_h, DAYLIGHT if name == SUN else STILL)
        for name, values in found.items()
    }
    root, n = innovation_root(list(latents.values())), scenario.n_regions
    made = {}
    for i, (name, part) in enumerate(latents.items()):
        persists = persistence_curve(part.memory, scenario.horizon + 1)
        foresight = foresee(scenario.forecast, scenario.step_h, memory_h[name], persists)
        made[name] = Replay(found[name], part, foresight, root[i * n : (i + 1) * n])
    return made


def replay_weather(
    recording: Recording, scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> tuple[Drawn, Drawn]:
    """Recorded capacity factors of sun and wind, and what forecasts of them are made of; `rng` is not changed."""
    series, at = _dated(scenario, recording), _places(recording, len(recording.sun_cf), start_minute, n)
    return _replayed(series[SUN], at, deepcopy(rng)), _replayed(series[WIND], at, deepcopy(rng))


def replay_measured_carbon(
    recording: Recording, scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Drawn:
    """Recorded carbon intensity [kg/kWh], and what forecasts of it are made of; `rng` is not changed.

    With a generator in the same state as for `replay_weather`, the noise of what is known ahead goes together as the
    innovations of the series do.
    """
    series = _dated(scenario, recording)[CARBON]
    return _replayed(series, _places(recording, len(series.values), start_minute, n), deepcopy(rng))


def replay_interactive(
    recording: Recording, scenario: Scenario, start_minute: int, n: int, rng: np.random.Generator
) -> Drawn:
    """Recorded GPUs that serve requests, at most the fleet, and what forecasts of them are made of."""
    series = _load(scenario, recording)
    at = (start_minute // recording.step_minutes + np.arange(n)) % len(series.values)
    return _replayed(series, at, rng)


def _replayed(series: Replay, at: NDArray[np.int64], rng: np.random.Generator) -> Drawn:
    latents, weights = series.latents, series.foresight.weights
    pieces = np.arange(weights.shape[0] - 1)
    noise = draw_noise(latents, series.root, at, pieces.size, rng)
    known = Known(
        response=latents.response[:, :, at],
        slow=latents.slow[:, at],
        fast=latents.fast[:, at],
        memory=latents.memory,
        ahead=known_ahead(latents.innovations[:, at], weights, pieces, noise),
    )
    return Drawn(series.values[at], known)


def replay_air(recording: Recording, start_minute: int, n: int) -> Floats:
    """Recorded air temperature, shape (N, R) [C]."""
    air_c = recording.dated[AIR]
    return air_c[(_first_step(recording, start_minute) + np.arange(n)) % len(air_c)]


def replay_price(recording: Recording, start_minute: int, n: int) -> Floats:
    """Recorded price of grid energy, shape (N, R) [currency/kWh]; may be negative."""
    prices = recording.dated[PRICE]
    return prices[(_first_step(recording, start_minute) + np.arange(n)) % len(prices)]


def recorded_grids(recording: Recording, regions: tuple[Region, ...]) -> Grids:
    """Grids whose mean carbon intensity over the recorded year is the published factor."""
    means = [
        (float(sun), float(wind)) for sun, wind in zip(recording.sun_cf.mean(0), recording.wind_cf.mean(0), strict=True)
    ]
    return grids_of(regions, means)


def _places(recording: Recording, total: int, start_minute: int, n: int) -> NDArray[np.int64]:
    """Steps of the recorded year that play, shape (N,)."""
    return (_first_step(recording, start_minute) + np.arange(n)) % total


def _first_step(recording: Recording, start_minute: int) -> int:
    day = EPOCH + timedelta(days=start_minute // DAY_MINUTES)
    leap = date(recording.year, 12, 31) - date(recording.year, 1, 1) == timedelta(days=365)
    recorded = (
        date(recording.year, 3, 1) if (day.month, day.day) == (2, 29) and not leap else day.replace(year=recording.year)
    )
    minute = minute_of(recorded) - minute_of(date(recording.year, 1, 1)) + start_minute % DAY_MINUTES
    return minute // recording.step_minutes


def _read_weather(directory: Path, part: CapacityFactors, scenario: Scenario, zone: str | None) -> tuple[int, Floats]:
    """Year and capacity factors by the scenario's clock, from a file whose dates are in the time zone `zone`."""
    path = directory / part.path
    zone = zone or scenario.timezone
    try:
        offset = utc_offset_minutes(zone, scenario.calendar_year)
    except ValueError as error:
        raise ConfigError(f"{directory / LAYOUT_FILE}: {error}") from error
    provinces = [region.site.province for region in scenario.regions]
    series = read_series(path, part.time_column, provinces, utc_offset_minutes=offset, high=1.0)
    year = (EPOCH + timedelta(minutes=series.start_minute)).year
    whole = minute_of(date(year + 1, 1, 1)) - minute_of(date(year, 1, 1))
    covered = len(series.rows) * series.interval_minutes
    if series.start_minute != minute_of(date(year, 1, 1)) or covered != whole:
        raise ConfigError(
            f"{path}: covers {covered / DAY_MINUTES:g} days from {EPOCH + timedelta(minutes=series.start_minute)}, "
            f"must cover a calendar year from 1 January 00:00, {zone} time"
        )
    ahead_minutes = scenario.utc_offset_minutes - offset - (series.interval_minutes if part.stamp == "end" else 0)
    return year, np.roll(resample(series, scenario.step_minutes), round(ahead_minutes / scenario.step_minutes), axis=0)


def _read_requests(directory: Path, part: Requests, scenario: Scenario) -> Floats:
    rates: dict[str, Series] = {}
    columns = []
    for i, region in enumerate(scenario.regions):
        name = part.paths[i % len(part.paths)]
        if name not in rates:
            rates[name] = _read_rates(directory / name, part)
        columns.append(_to_clock(resample(rates[name], scenario.step_minutes)[:, 0], region, scenario.step_minutes))
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise ConfigError(f"{directory}: request files {', '.join(part.paths)} must cover the same number of days")
    return np.stack(columns, axis=1)


def _read_rates(path: Path, part: Requests) -> Series:
    series = read_series(path, part.time_column, [part.rate_column], utc_offset_minutes=None, high=np.inf)
    if series.rows.mean() <= 0.0:
        raise ConfigError(f"{path}: {part.rate_column} is 0 throughout, its mean must be positive")
    return series


def _to_clock(rate: Floats, region: Region, step: int) -> Floats:
    """The rate divided by its mean, shifted in time so that its mean day peaks when the region's requests do."""
    per_day = DAY_MINUTES // step
    mean_day = rate.reshape(-1, per_day).mean(axis=0)
    hours = (np.arange(per_day) + 0.5) * step / 60
    shape = np.interp(hours, np.arange(24) + 0.5, region.interactive.shape_by_hour, period=24)
    to_clock = -round(region.clock_offset_h * 60 / step)
    return np.roll(rate / rate.mean(), _peak(shape, step) - _peak(mean_day, step) + to_clock)


def _peak(day: Floats, step: int) -> int:
    """Step of the peak of a smoothed day."""
    half = SMOOTHING_H * 60 // step // 2
    smooth = np.sum([np.roll(day, shift) for shift in range(-half, half + 1)], axis=0)
    return int(np.argmax(smooth))
