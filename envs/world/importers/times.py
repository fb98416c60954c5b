"""Converts texts to UTC, by their own offsets or by a time zone with its daylight saving."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.series import FIRST_DATA_LINE

if TYPE_CHECKING:
    from wattward.envs.world.importers.options import Options

OFFSET = r"(?:Z|UTC|[+-]\d{2}:?\d{2})$"


class Times(NamedTuple):
    """Times of a column, their zone, and notes about ambiguous hours."""

    utc: pd.DatetimeIndex  # (M,)
    zone: str
    notes: list[str]  # about hours that occur twice


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises:
        ConfigError: there is no zone of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(f"--zone = {name!r}: must be a time zone as 'Europe/Berlin', 'Asia/Shanghai' or 'UTC'") from (
            error
        )


def to_utc(where: str, texts: pd.Series[str], options: Options, *, events: bool = False) -> Times:
    """Converts texts to UTC.

    Args:
        where: the file, for messages.
        texts: times in ISO 8601 or in `options.time_format`. The series has the name of the column.
        options: `zone` is the zone of times without an offset. A column whose name says UTC needs none.
        events: whether times may repeat and be unevenly spaced.

    Raises:
        ConfigError: a text is not a time, the zone is unknown, an hour does not exist in the zone, or an hour exists
            twice and the order of rows does not show which one is meant.
    """
    stated = _stated(texts, options.time_format)
    if stated.any() and not stated.all():
        i = int(np.argmin(stated.to_numpy()))
        raise ConfigError(f"{_at(where, texts, i)}: has no UTC offset, others in the column have one")
    parsed = pd.to_datetime(texts.str.strip(), format=options.time_format or "ISO8601", errors="coerce", utc=True)
    wrong = np.flatnonzero(parsed.isna().to_numpy())
    if len(wrong):
        wanted = options.time_format or "2024-01-31 00:00 (--time-format says otherwise)"
        raise ConfigError(f"{_at(where, texts, wrong[0])}: must be a time as {wanted}")
    if stated.all():
        return Times(pd.DatetimeIndex(parsed), "offsets in the file", [])
    return _from_local(where, texts, pd.DatetimeIndex(parsed).tz_localize(None), options, events)


def _stated(texts: pd.Series[str], time_format: str | None) -> pd.Series[bool]:
    """Which texts have a UTC offset, by their format or by their ends."""
    if time_format is not None:
        return pd.Series("%z" in time_format, index=texts.index)
    return texts.str.strip().str.contains(OFFSET, regex=True) & texts.str.contains(":")


def _from_local(where: str, texts: pd.Series[str], local: pd.DatetimeIndex, options: Options, events: bool) -> Times:
    name = options.zone or ("UTC" if "utc" in str(texts.name).lower() else None)
    if name is None:
        raise ConfigError(
            f"{where}: {texts.name} has no UTC offset; --zone must name its time zone, as 'Europe/Berlin'"
        )
    zone = zone_of(name)
    never = np.flatnonzero(local.tz_localize(zone, ambiguous=_no(local), nonexistent="NaT").isna())
    if len(never):
        raise ConfigError(f"{_at(where, texts, never[0])}: does not exist in {name}, where clocks went forward")
    twice = np.flatnonzero(local.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").isna())
    summer, notes = np.zeros(len(local), dtype=np.bool_), []
    for window in _windows(local, twice):
        summer[window], note = _first_pass(where, texts, local, window, name, events, options.fill is not None)
        notes.append(note)
    return Times(local.tz_localize(zone, ambiguous=summer).tz_convert("UTC"), name, notes)


def _windows(local: pd.DatetimeIndex, twice: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows of ambiguous times, grouped by day."""
    days = np.asarray(local[twice].normalize())
    return [twice[days == day] for day in np.unique(days)]


def _first_pass(
    where: str,
    texts: pd.Series[str],
    local: pd.DatetimeIndex,
    rows: NDArray[np.int64],
    zone: str,
    events: bool,
    may_guess: bool,
) -> tuple[NDArray[np.bool_], str]:
    """Which rows belong to the first pass of a repeated hour, and a note about the decision."""
    step = np.diff(np.asarray(local[rows]).astype("datetime64[ns]").astype(np.int64))
    back = np.concatenate([[0], np.cumsum(step < 0 if events else step <= 0)])
    first: NDArray[np.bool_] = back == 0
    if back[-1] == 1:
        return first, f"{local[rows[0]]} came twice in {zone}; told apart by the order of rows"
    if back[-1] == 0 and may_guess and not events:
        return first, f"{local[rows[0]]} came twice in {zone}, the file has it once: taken as the first"
    raise ConfigError(
        f"{_at(where, texts, rows[0])}: came twice in {zone}, where clocks went back, and the file has it "
        f"{int(back[-1]) + 1} times; times must carry their offset, as '2024-10-27T02:00+02:00'"
    )


def _no(local: pd.DatetimeIndex) -> NDArray[np.bool_]:
    return np.zeros(len(local), dtype=np.bool_)


def _at(where: str, texts: pd.Series[str], i: int) -> str:
    return f"{where}, line {int(i) + FIRST_DATA_LINE}: {texts.name} = {texts.iloc[int(i)]!r}"
