"""Reads recorded time series and resamples them to the simulator's step."""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.processes.calendar import DAY_MINUTES

if TYPE_CHECKING:
    import pandas as pd

    from wattward.envs.model.types import Floats

FIRST_DATA_LINE = 2


class Series(NamedTuple):
    """Evenly spaced values. Value i holds over [start + i x interval, start + (i + 1) x interval)."""

    start_minute: float  # since 1970-01-01 00:00 of the scenario's clock, or since an undisclosed start
    interval_minutes: float
    rows: Floats  # (M, K)


def read_series(
    path: Path, time_column: str, columns: Sequence[str], *, utc_offset_minutes: int | None, high: float
) -> Series:
    """Reads columns of a CSV file, compressed or not, and checks every row.

    Args:
        path: the file.
        time_column: dates and hours, or seconds since an undisclosed start.
        columns: names of the K value columns; a name may occur twice.
        utc_offset_minutes: UTC offset of the scenario's clock, if the column holds dates and hours. A text without an
            offset of its own is read by that clock. None if the column holds seconds.
        high: highest allowed value; the lowest is 0.

    Raises:
        ConfigError: the file does not exist or is not a CSV, a column is missing, a time or value cannot be used, there
            is a gap, times repeat or go back, or the rows do not cover whole days. The message names file, line, column
            and what is allowed.
    """
    table = _read_table(path, [time_column, *columns])
    if len(table) < 2:
        raise ConfigError(f"{path}: holds {len(table)} rows, must hold at least 2")
    if utc_offset_minutes is None:
        minutes = _numbers(path, table[time_column], np.inf) / 60.0
    else:
        minutes = _dates(path, table[time_column], utc_offset_minutes)
    interval = _check_spacing(path, table[time_column], minutes)
    days = len(minutes) * interval / DAY_MINUTES
    if abs(days - round(days)) > 1e-9:
        raise ConfigError(f"{path}: covers {days:.3f} days, must cover whole days")
    values = np.stack([_numbers(path, table[column], high) for column in columns], axis=1)
    return Series(float(minutes[0]), interval, values)


def resample(series: Series, step_minutes: int) -> Floats:
    """Resamples to the step, shape (M', K); the mean stays the same.

    Finer values are averaged over each step. Coarser values are taken as means at the middle of their interval and
    interpolated linearly, with the end joined to the beginning.
    """
    m, interval = len(series.rows), series.interval_minutes
    n = round(m * interval / step_minutes)
    if interval == step_minutes:
        return series.rows.copy()
    if interval < step_minutes:
        edges = np.arange(n + 1) * (step_minutes / interval)
        total = np.vstack([np.zeros((1, series.rows.shape[1])), np.cumsum(series.rows, axis=0)])
        joined = [np.interp(edges, np.arange(m + 1), column) for column in total.T]
        return np.maximum(0.0, np.diff(np.stack(joined, axis=1), axis=0) / (step_minutes / interval))
    at = (np.arange(n) + 0.5) * step_minutes
    centres = (np.arange(m) + 0.5) * interval
    return np.stack([np.interp(at, centres, column, period=m * interval) for column in series.rows.T], axis=1)


def _read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except (
        OSError,
        EOFError,
        zlib.error,
        UnicodeDecodeError,
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
    ) as error:
        raise ConfigError(f"{path}: not readable as CSV: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ConfigError(f"{path}: not readable as CSV: its rows have more cells than its header")
    for column in columns:
        _check_column(path, column, list(table.columns))
    return table


def _check_column(path: Path, column: str, header: list[str]) -> None:
    if column not in header:
        near = difflib.get_close_matches(column, header, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(header)}"
        raise ConfigError(f"{path}: column {column!r} is missing; {hint}")


def _numbers(path: Path, texts: pd.Series[str], high: float) -> Floats:
    import pandas as pd

    values = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0.0) & (values <= high)))
    if len(wrong):
        allowed = f"a number from 0 to {high:g}" if np.isfinite(high) else "a number not below 0"
        text = texts.iloc[wrong[0]]
        raise ConfigError(f"{path}, line {wrong[0] + FIRST_DATA_LINE}: {texts.name} = {text!r}: must be {allowed}")
    return values


def minutes_of(times: pd.DatetimeIndex, utc_offset_minutes: int) -> Floats:
    """Minutes since 1970-01-01 00:00 by a clock with the given UTC offset, shape (M,); `times` have a time zone."""
    import pandas as pd

    utc = times.tz_convert("UTC").tz_localize(None)
    return np.asarray((utc - pd.Timestamp(0)) / pd.Timedelta(minutes=1), dtype=np.float64) + utc_offset_minutes


def _dates(path: Path, texts: pd.Series[str], utc_offset_minutes: int) -> Floats:
    import pandas as pd

    try:
        times = pd.to_datetime(texts, format="ISO8601", errors="coerce")
    except ValueError as error:
        raise ConfigError(f"{path}: column {texts.name!r}: {error}") from error
    wrong = np.flatnonzero(times.isna().to_numpy())
    if len(wrong):
        line, text = wrong[0] + FIRST_DATA_LINE, texts.iloc[wrong[0]]
        raise ConfigError(
            f"{path}, line {line}: {texts.name} = {text!r}: must be a date and hour as '2020-01-31 00:00:00'"
        )
    if times.dt.tz is not None:
        return minutes_of(pd.DatetimeIndex(times), utc_offset_minutes)
    return np.asarray((times - pd.Timestamp(0)) / pd.Timedelta(minutes=1), dtype=np.float64)


def _check_spacing(path: Path, texts: pd.Series[str], minutes: Floats) -> float:
    gaps = np.diff(minutes)
    interval = float(np.median(gaps))
    faults = ((gaps == 0, "repeats"), (gaps < 0, "is earlier than"), (gaps != interval, "does not follow"))
    for wrong, verb in faults:
        if wrong.any():
            i = int(np.argmax(wrong)) + 1
            raise ConfigError(
                f"{path}, line {i + FIRST_DATA_LINE}: {texts.name} = {texts.iloc[i]!r} {verb} {texts.iloc[i - 1]!r}; "
                f"rows must be {max(interval, 0):g} minutes apart"
            )
    return interval
