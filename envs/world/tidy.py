"""Reads imported recordings: one table of region, series, time [UTC], value and unit, and a file of facts.

The following rules are choices of this project:

- A region plays the rows with its own name or, if there are none, those with the name of its province.
- Dated series must cover a calendar year of the scenario's clock. If a series is longer, its last whole year plays. A
  series of one year that begins on another day continues at its start. All series must be of the same year.
- A price holds until the end of its interval. If a step is longer than the interval, prices are averaged.
- Requests play at their recorded times, in GPUs. The regions' shortest series decides how many whole weeks play (or
  whole days, if it is shorter than a week); then they repeat.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wattward.configs.digests import sha256_of_bytes, sha256_of_file
from wattward.configs.schema.base import ConfigError
from wattward.envs.world.processes.calendar import DAY_MINUTES, minute_of, steps_in_year, year_of
from wattward.envs.world.series import Series, minutes_of, resample

if TYPE_CHECKING:
    import pandas as pd

    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats

FACTS_FILE = "recording.json"
FORMAT = "wattward-recording-2"
SUN, WIND, AIR, CARBON, REQUESTS = "sun_cf", "wind_cf", "air_c", "carbon_kg_per_kwh", "interactive_gpus"
PRICE = "price_per_kwh"
JOBS = "jobs"
WEEK_DAYS = 7
UNITS = {SUN: "1", WIND: "1", AIR: "degC", CARBON: "kg/kWh", PRICE: "{currency}/kWh", REQUESTS: "GPU"}
"""Series that are replayed, and their required units; `{currency}` is the currency of the scenario."""


class JobTrace(NamedTuple):
    """The log of one class: I jobs in order of submission."""

    job_class: str
    submit_minute: Floats  # (I,) [minutes since 1970-01-01 00:00 of the scenario's clock]
    run_h: Floats  # (I,)
    processors: Floats  # (I,) each counts as one GPU

    @property
    def first_minute(self) -> int:
        """Midnight before the first job [minutes]."""
        return int(self.submit_minute[0] // DAY_MINUTES) * DAY_MINUTES

    @property
    def days(self) -> int:
        """Number of days that play before the log repeats."""
        days = int((self.submit_minute[-1] - self.first_minute) // DAY_MINUTES) + 1
        return days // WEEK_DAYS * WEEK_DAYS or days


class Tidy(NamedTuple):
    """Series of an imported recording at a scenario's step, in the order of its regions."""

    name: str
    year: int  # of dated series; 0 where there are none
    dated: dict[str, Floats]  # (S, R) by series
    requests: Floats | None  # (days x steps per day, R) [GPU]; step k since 1970 plays row k modulo the number of rows
    jobs: tuple[JobTrace, ...] = ()  # one for each recorded class


def read_tidy(directory: Path, scenario: Scenario) -> Tidy:
    """Reads the series of an imported recording that a scenario can play.

    Raises:
        ConfigError: a file is missing or damaged; a series lacks regions of the scenario, has another unit or does not
            cover a year; or the recording holds nothing that can be played.
    """
    facts = read_facts(directory)
    table = read_table(directory, facts)
    dated = {name: _columns(directory, table, name, scenario) for name in UNITS if (table["series"] == name).any()}
    requests = dated.pop(REQUESTS, None)
    jobs = read_traces(directory, facts, scenario)
    if not dated and requests is None and not jobs:
        held = ", ".join(sorted(set(table["series"])))
        raise ConfigError(f"{directory}: holds {held}; must hold one of {', '.join(UNITS)} or jobs to be played")
    if (SUN in dated) != (WIND in dated):
        raise ConfigError(f"{directory}: holds one of {SUN} and {WIND}; must hold both or none")
    years = {
        name: [_to_year(directory, s, scenario.step_minutes, held=name == PRICE) for s in series]
        for name, series in dated.items()
    }
    found = {year for each in years.values() for year, _ in each}
    if len(found) > 1:
        raise ConfigError(f"{directory}: series are of the years {', '.join(map(str, sorted(found)))}; must be of one")
    return Tidy(
        f"imported {facts['sha256'][:12]}",
        found.pop() if found else 0,
        {name: np.stack([column for _, column in each], axis=1) for name, each in years.items()},
        None if requests is None else _to_clock(directory, requests, scenario.step_minutes),
        jobs,
    )


def read_facts(directory: Path) -> dict[str, Any]:
    """Reads the facts of an imported recording.

    Raises:
        ConfigError: the facts are missing, cannot be read or have another format.
    """
    path = directory / FACTS_FILE
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not readable: {error}") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ConfigError(f"{path}: format must be {FORMAT!r}, as `wattward import` writes it")
    lacking = sorted({"table", "sha256", "imports"} - set(facts))
    if lacking:
        raise ConfigError(f"{path}: key {lacking[0]!r} is missing")
    return facts


def read_table(directory: Path, facts: dict[str, Any]) -> pd.DataFrame:
    """Reads the table that the facts name.

    Raises:
        ConfigError: the table is missing or does not have the hash in the facts.
    """
    import pandas as pd

    path = directory / Path(str(facts["table"])).name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: not readable: {error.strerror}") from error
    if sha256_of_bytes(content) != facts["sha256"]:
        raise ConfigError(f"{path}: differs from what {FACTS_FILE} says was written; the import must be run again")
    return pd.read_parquet(path)


def read_jobs(directory: Path, facts: dict[str, Any]) -> pd.DataFrame | None:
    """Reads the table of jobs that the facts name, if they name one.

    Raises:
        ConfigError: the table is missing or does not have the hash in the facts.
    """
    import pandas as pd

    if JOBS not in facts:
        return None
    path = directory / Path(str(facts[JOBS]["table"])).name
    if not path.is_file() or sha256_of_file(path) != facts[JOBS]["sha256"]:
        raise ConfigError(f"{path}: missing, or differs from what was written; the import must be run again")
    return pd.read_parquet(path)


def read_traces(directory: Path, facts: dict[str, Any], scenario: Scenario) -> tuple[JobTrace, ...]:
    """Reads the logs of a recording, one for each recorded class.

    Raises:
        ConfigError: the table is missing or changed, or holds a class that the scenario does not have.
    """
    table = read_jobs(directory, facts)
    if table is None:
        return ()
    known = [job_class.name for job_class in scenario.job_classes]
    strange = sorted(set(table["job_class"]) - set(known))
    if strange:
        raise ConfigError(
            f"{directory}: holds jobs of class {strange[0]!r}; scenario {scenario.name} has {', '.join(known)}"
        )
    return tuple(
        JobTrace(
            str(name),
            rows["submit_minute_utc"].to_numpy(dtype=np.float64) + scenario.utc_offset_minutes,
            rows["run_h"].to_numpy(dtype=np.float64),
            rows["processors"].to_numpy(dtype=np.float64),
        )
        for name, rows in table.groupby("job_class")
    )


def _columns(directory: Path, table: pd.DataFrame, name: str, scenario: Scenario) -> list[Series]:
    rows = table[table["series"] == name]
    held = set(rows["region"])
    wanted = [region.name if region.name in held else region.site.province for region in scenario.regions]
    lacking = [r.name for r, want in zip(scenario.regions, wanted, strict=True) if want not in held]
    if lacking:
        raise ConfigError(
            f"{directory}: {name} is recorded for {', '.join(sorted(held))}; lacks {', '.join(lacking)} "
            f"of scenario {scenario.name}"
        )
    unit = UNITS[name].format(currency=scenario.currency)
    if set(rows["unit"]) != {unit}:
        raise ConfigError(
            f"{directory}: {name} in {', '.join(sorted(set(rows['unit'])))}: must be in {unit}, as scenario "
            f"{scenario.name} counts"
        )
    return [_series(rows[rows["region"] == want], scenario.utc_offset_minutes) for want in wanted]


def _series(rows: pd.DataFrame, utc_offset_minutes: int) -> Series:
    import pandas as pd

    minutes = minutes_of(pd.DatetimeIndex(rows["time"]), utc_offset_minutes)
    return Series(float(minutes[0]), float(minutes[1] - minutes[0]), rows["value"].to_numpy()[:, None])


def _to_year(directory: Path, series: Series, step: int, *, held: bool) -> tuple[int, Floats]:
    """The calendar year that plays, and its values at each step, shape (steps in the year,)."""
    covered = len(series.rows) * series.interval_minutes
    start, end = series.start_minute, series.start_minute + covered
    whole = [
        y for y in range(year_of(int(start)), year_of(int(end)) + 1) if start <= _january(y) and _january(y + 1) <= end
    ]
    year = whole[-1] if whole else year_of(int((start + end) / 2))
    if not whole and covered != _january(year + 1) - _january(year):
        days = covered / DAY_MINUTES
        raise ConfigError(f"{directory}: a series covers {days:.1f} days around {year}, must cover a calendar year")
    values = _hold(directory, series, step) if held else resample(series, step)[:, 0]
    return year, np.roll(values, round((start - _january(year)) / step))[: steps_in_year(year, step)]


def _hold(directory: Path, series: Series, step: int) -> Floats:
    """Values at each step, (N,): constant within an interval, averaged if the step is longer."""
    interval, rows = round(series.interval_minutes), series.rows[:, 0]
    if interval % step == 0:
        return np.repeat(rows, interval // step)
    per_step = step // interval
    if step % interval or len(rows) % per_step:
        raise ConfigError(f"{directory}: {PRICE} every {interval} minutes does not fit steps of {step} minutes")
    result: Floats = rows.reshape(-1, per_step).mean(axis=1)
    return result


def _january(year: int) -> int:
    return minute_of(date(year, 1, 1))


def _to_clock(directory: Path, series: list[Series], step: int) -> Floats:
    days = min(int(len(s.rows) * s.interval_minutes // DAY_MINUTES) for s in series)
    if days < 1:
        raise ConfigError(f"{directory}: {REQUESTS} must cover at least a day")
    days = days // 7 * 7 or days
    columns = []
    for s in series:
        rows = s.rows[: round(days * DAY_MINUTES / s.interval_minutes)]
        values = resample(Series(s.start_minute, s.interval_minutes, rows), step)[:, 0]
        columns.append(np.roll(values, round(s.start_minute / step) % len(values)))
    return np.stack(columns, axis=1)
