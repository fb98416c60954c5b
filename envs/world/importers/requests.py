"""Converts traces of requests with token counts into the GPUs that they need each hour.

GPUs of an hour = tokens of its requests / tokens that a GPU serves in an hour. The first and the last hour count only
if the trace covers all but a minute of them. An hour without requests is a gap.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.importers.columns import numbers, pick, read_csv
from wattward.envs.world.importers.grid import on_grid
from wattward.envs.world.importers.options import Imported, Measured, Options
from wattward.envs.world.importers.store import file_facts
from wattward.envs.world.importers.times import Times, to_utc
from wattward.envs.world.tidy import REQUESTS

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats

OPTIONS = frozenset({"zone", "fill", "time_column", "time_format", "value_columns", "start", "tokens_per_gpu_h"})
TIME_PATTERNS = (r"^timestamp", r"time", r"^date")
TOTAL_PATTERN = "total"
MOST_TOKENS = 1e8
HOUR, EDGE = pd.Timedelta(hours=1), pd.Timedelta(minutes=1)


def read(files: list[Path], options: Options) -> Imported:
    """Reads the GPUs that requests need each hour in one region.

    Raises:
        ConfigError: a time or token count cannot be used, `tokens_per_gpu_h` is missing, or the trace has gaps.
    """
    options.allow("requests", OPTIONS)
    served = options.tokens_per_gpu_h
    if served is None or not 0 < served < np.inf:
        raise ConfigError(f"--tokens-per-gpu-hour = {served}: must say how many tokens a GPU serves in an hour")
    where = ", ".join(map(str, files))
    parts = [_read(path, options) for path in files]
    times = pd.DatetimeIndex(np.concatenate([part.utc.as_unit("ns").to_numpy() for part, _, _ in parts]), tz="UTC")
    tokens = np.concatenate([tokens for _, tokens, _ in parts])
    hours, sums = _by_hour(where, times, tokens)
    grid = on_grid(where, hours, sums[:, None] / served, options.fill)
    facts = {
        "kind": "requests",
        "region": options.region,
        "sources": [file_facts(path) for path in files],
        "zone": parts[0][0].zone,
        "notes": [note for part, _, _ in parts for note in part.notes],
        "columns": parts[0][2],
        "tokens_per_gpu_h": served,
        "requests": len(times),
        "tokens": float(tokens.sum()),
        "fill": options.fill,
        "gaps": grid.gaps,
    }
    return Imported(options.region, [Measured(REQUESTS, "GPU", grid.times, grid.values[:, 0])], facts)


def _read(path: Path, options: Options) -> tuple[Times, Floats, list[str]]:
    """Times of the requests, their tokens, and the columns that hold the tokens."""
    table = read_csv(path)
    header = list(table.columns)
    columns = list(options.value_columns or _token_columns(header))
    if not columns:
        pick(path, header, None, (), "--value-column")
    counts = [
        numbers(path, table[pick(path, header, c, (), "--value-column")], 0.0, MOST_TOKENS, "tokens") for c in columns
    ]
    tokens = np.sum(counts, axis=0)
    if np.isnan(tokens).any():
        raise ConfigError(f"{path}, line {int(np.argmax(np.isnan(tokens))) + 2}: a token count is empty")
    column = pick(path, header, options.time_column, TIME_PATTERNS, "--time-column")
    return _times(path, table[column], options), tokens, columns


def _token_columns(header: list[str]) -> list[str]:
    """The column of total tokens if there is one, else all columns of tokens."""
    found = [column for column in header if "token" in column.lower()]
    total = [column for column in found if TOTAL_PATTERN in column.lower()]
    return total[:1] or found


def _times(path: Path, texts: pd.Series[str], options: Options) -> Times:
    counted = pd.to_numeric(texts, errors="coerce")
    if not counted.notna().all():
        return to_utc(str(path), texts, options, events=True)
    if options.start is None:
        raise ConfigError(f"{path}: {texts.name} counts from the trace's own start; --start must say when that was")
    start = to_utc("--start", pd.Series([options.start], name="start"), options, events=True)
    per_second = 1000.0 if str(texts.name).lower().endswith("ms") else 1.0
    after = pd.to_timedelta(counted / per_second, unit="s")
    return Times(pd.DatetimeIndex(start.utc[0] + after), start.zone, start.notes)


def _by_hour(where: str, times: pd.DatetimeIndex, tokens: Floats) -> tuple[pd.DatetimeIndex, Floats]:
    """Hours with requests that the trace covers wholly, and their tokens."""
    sums = pd.Series(tokens, index=times).groupby(times.floor("h")).sum()
    hours = pd.DatetimeIndex(sums.index)
    whole = (hours + EDGE >= times.min()) & (hours + HOUR - EDGE <= times.max())
    if whole.sum() < 2:
        raise ConfigError(f"{where}: covers {times.min()} to {times.max()}, must cover at least two whole hours")
    return hours[whole], np.asarray(sums, dtype=np.float64)[whole]
