"""Makes evenly spaced series from rows with gaps. Gaps are filled only by a rule that the user names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from wattward.configs.schema.base import ConfigError

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats

DAY = pd.Timedelta(days=1)
SHOWN_GAPS = 5


class Grid(NamedTuple):
    """Evenly spaced values without gaps, and a list of the gaps that were filled."""

    times: pd.DatetimeIndex  # (M,) UTC
    values: Floats  # (M, K)
    gaps: list[dict[str, object]]  # from, hours


def on_grid(where: str, times: pd.DatetimeIndex, values: Floats, fill: str | None) -> Grid:
    """Puts rows on an even grid of times.

    Args:
        where: the file or files, for messages.
        times: (N,) UTC, in order.
        values: (N, K); NaN where a value is missing.
        fill: `interpolate` interpolates linearly, or takes the nearest value at the ends; `repeat-day` takes the same
            hour of the day before or, if there is none, of the next day; None refuses gaps.

    Raises:
        ConfigError: fewer than two rows, times that repeat, run backwards or fall between the intervals, an interval
            that does not divide a day, or gaps and no rule to fill them.
    """
    interval = _interval(where, times)
    every = pd.date_range(times[0], times[-1], freq=interval)
    whole = np.full((len(every), values.shape[1]), np.nan)
    whole[every.get_indexer(times)] = values
    missing = np.isnan(whole).any(axis=1)
    gaps = _gaps(every, missing, interval)
    if not gaps:
        return Grid(every, whole, [])
    if fill is None:
        raise ConfigError(f"{where}: {_told(gaps)}; --fill interpolate or --fill repeat-day must say how to fill them")
    filled = [_filled(where, column, fill, round(DAY / interval)) for column in whole.T]
    return Grid(every, np.stack(filled, axis=1), gaps)


def interval_minutes(times: pd.DatetimeIndex) -> float:
    """Distance of evenly spaced times [minutes]."""
    return (times[1] - times[0]) / pd.Timedelta(minutes=1)


def _interval(where: str, times: pd.DatetimeIndex) -> pd.Timedelta:
    if len(times) < 2:
        raise ConfigError(f"{where}: holds {len(times)} rows, must hold at least 2")
    steps = times[1:] - times[:-1]
    for wrong, verb in (
        (steps == pd.Timedelta(0), "repeats"),
        (steps < pd.Timedelta(0), "is earlier than the row before"),
    ):
        if wrong.any():
            raise ConfigError(f"{where}: {times[int(np.argmax(wrong)) + 1]} {verb}; times must rise")
    interval = pd.Timedelta(np.median(steps.to_numpy()))
    if (DAY % interval) != pd.Timedelta(0):
        raise ConfigError(f"{where}: rows are {interval} apart, must be a whole part of a day")
    off = np.flatnonzero((times - times[0]) % interval != pd.Timedelta(0))
    if len(off):
        raise ConfigError(f"{where}: {times[off[0]]} falls between rows that are {interval} apart")
    return interval


def _gaps(every: pd.DatetimeIndex, missing: Floats, interval: pd.Timedelta) -> list[dict[str, object]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
    hours = interval / pd.Timedelta(hours=1)
    return [
        {"from": every[first].isoformat(), "hours": float((last - first) * hours)}
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def _told(gaps: list[dict[str, object]]) -> str:
    shown = ", ".join(f"{gap['hours']:g} h from {gap['from']}" for gap in gaps[:SHOWN_GAPS])
    more = f" and {len(gaps) - SHOWN_GAPS} more" if len(gaps) > SHOWN_GAPS else ""
    return f"{len(gaps)} gap{'s' * (len(gaps) > 1)}: {shown}{more}"


def _filled(where: str, column: Floats, fill: str, per_day: int) -> Floats:
    known = np.flatnonzero(np.isfinite(column))
    if not len(known):
        raise ConfigError(f"{where}: a column holds no value at all")
    if fill == "interpolate":
        return np.interp(np.arange(len(column)), known, column[known])
    ahead = pd.Series(column).groupby(np.arange(len(column)) % per_day).ffill()
    both: Floats = np.asarray(ahead.groupby(np.arange(len(column)) % per_day).bfill(), dtype=np.float64)
    if np.isnan(both).any():
        raise ConfigError(f"{where}: --fill repeat-day: some hour of the day has no value on any day")
    return both
