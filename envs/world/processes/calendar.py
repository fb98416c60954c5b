"""Converts minutes of the scenario's clock to year, day, hour and weekday, for arrays of steps.

Minutes count from 1970-01-01 00:00 of that clock, which has no daylight saving.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats, Ints

EPOCH = date(1970, 1, 1)
DAY_MINUTES = 1440
YEAR_DAYS = 365.25
DAYS_OF_YEAR: Floats = np.arange(367.0)
"""Columns of tables by day of the year; column 0 is not used."""


class Clock(NamedTuple):
    """Calendar of the starts of N steps."""

    year: Ints  # (N,)
    month: Ints  # (N,) 1-12
    day_of_year: Ints  # (N,) 1-366
    weekday: Ints  # (N,) 0 Monday - 6 Sunday
    hour: Floats  # (N,) [0, 24)
    month_day: Ints  # (N,) 100 x month + day of month
    day: Ints  # (N,) days since 1970-01-01


def step_minutes(start_minute: int, n: int, step: int) -> Ints:
    """Start of each of `n` steps of `step` minutes, shape (N,) [minutes since 1970-01-01]."""
    return start_minute + step * np.arange(n, dtype=np.int64)


def clock(minutes: Ints) -> Clock:
    """Calendar fields of minutes, shape (N,)."""
    day = np.floor_divide(minutes, DAY_MINUTES)
    days = day.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = days.astype("datetime64[Y]")
    month = months.astype(np.int64) % 12 + 1
    month_day = month * 100 + (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    return Clock(
        year=years.astype(np.int64) + 1970,
        month=month,
        day_of_year=(days - years.astype("datetime64[D]")).astype(np.int64) + 1,
        weekday=(day + 3) % 7,
        hour=(minutes - day * DAY_MINUTES) / 60.0,
        month_day=month_day,
        day=day,
    )


@lru_cache(maxsize=4)
def days_of_year(start_minute: int, n: int, step: int) -> Ints:
    """Day of the year of each of `n` steps of `step` minutes, shape (N,), read-only because callers share it."""
    day = step_minutes(start_minute, n, step) // DAY_MINUTES
    first, last = day[[0, -1]].tolist()
    found: Ints = clock(DAY_MINUTES * np.arange(first, last + 1)).day_of_year[day - first]
    found.setflags(write=False)
    return found


def minutes_of_day(step: int) -> Ints:
    """Start of each step of a day, shape (steps in a day,) [minutes]."""
    return step_minutes(0, DAY_MINUTES // step, step)


def minutes_of_week(step: int) -> Ints:
    """Start of each step of the week that begins on 1970-01-01, shape (steps in a week,) [minutes]."""
    return step_minutes(0, 7 * DAY_MINUTES // step, step)


def place_in_period(start_minute: int, n: int, step: int, period_minutes: int) -> Ints:
    """Index of each of `n` steps in a table that repeats since 1970-01-01, shape (N,).

    `start_minute` is a multiple of the step.
    """
    place: Ints = (start_minute // step + np.arange(n, dtype=np.int64)) % (period_minutes // step)
    return place


def minute_of(day: date, hour: float = 0.0) -> int:
    """Minutes since 1970-01-01 of an hour of a day."""
    return (day - EPOCH).days * DAY_MINUTES + round(hour * 60)


def year_of(minute: int) -> int:
    """Calendar year of a minute."""
    return (EPOCH + timedelta(days=minute // DAY_MINUTES)).year


def steps_in_year(year: int, step: int) -> int:
    """Number of steps of `step` minutes in a calendar year."""
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days * DAY_MINUTES // step


def position_in_year(start_minute: int, n: int, step: int) -> tuple[int, NDArray[np.int64]]:
    """Year of the first step, and the index of each of `n` steps in that year's table, shape (N,).

    After the end of the year, indices continue at its start.
    """
    year = year_of(start_minute)
    first = (start_minute - minute_of(date(year, 1, 1))) // step
    return year, (first + np.arange(n, dtype=np.int64)) % steps_in_year(year, step)


def wave(phase: Floats, period: float) -> Floats:
    """Cosine wave of a given period, 1 at phase 0; same shape as `phase`."""
    result: Floats = np.cos(2 * np.pi * phase / period)
    return result


def week_factors(weekend_factor: float) -> Floats:
    """Factors by day of the week with mean 1, shape (7,)."""
    factors = np.array([1.0] * 5 + [weekend_factor] * 2)
    return factors / factors.mean()


def n_drawn(scenario: Scenario) -> int:
    """Number of drawn steps N: the episode plus one forecast horizon."""
    return scenario.n_steps + scenario.horizon + 1


def days_of_start(scenario: Scenario) -> tuple[int, int]:
    """The first day on which an episode may start, counted from 1970-01-01, and the number of such days.

    Raises:
        ConfigError: `start` is neither any_day nor a date.
    """
    first, last = date(scenario.calendar_year, 1, 1), date(scenario.calendar_year, 12, 31)
    if scenario.start == "any_day":
        return (first - EPOCH).days, (last - first).days + 1
    try:
        return (date.fromisoformat(scenario.start) - EPOCH).days, 1
    except ValueError as error:
        raise ConfigError(
            f"scenario {scenario.name}: start = {scenario.start!r}: must be any_day or a date as '{first.isoformat()}'"
        ) from error
