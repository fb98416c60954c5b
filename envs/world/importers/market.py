"""Reads CSV files with dates, for the importers of prices, carbon and air temperature."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from wattward.configs.schema.base import ConfigError
from wattward.envs.world.importers.columns import numbers, pick, read_csv
from wattward.envs.world.importers.grid import Grid, on_grid
from wattward.envs.world.importers.times import Times, to_utc

if TYPE_CHECKING:
    from wattward.envs.model.types import Floats
    from wattward.envs.world.importers.options import Options

TIME_PATTERNS = (r"utc", r"date.?time", r"timestamp", r"^time", r"^date", r"mtu")
Wanted = Callable[[Path, list[str]], list[tuple[str, float, float, str]]]
"""Selects columns of a file: name, lowest and highest value, unit."""


class Found(NamedTuple):
    """Columns of all files on one grid, and facts about how they were read."""

    grid: Grid
    facts: dict[str, Any]


def read_columns(files: list[Path], options: Options, wanted: Wanted) -> Found:
    """Reads columns of several files and joins them in time.

    Raises:
        ConfigError: a column is missing, a time or value cannot be used, files differ, or there are gaps.
    """
    parts = [_read(path, options, wanted) for path in files]
    parts.sort(key=lambda part: part[0].utc[0])
    where, columns = ", ".join(map(str, files)), {tuple(names) for _, _, names in parts}
    if len(columns) > 1:
        raise ConfigError(f"{where}: have the columns {' and '.join(map(str, sorted(columns)))}; must have the same")
    times = pd.DatetimeIndex(np.concatenate([part.utc.as_unit("ns").to_numpy() for part, _, _ in parts]), tz="UTC")
    grid = on_grid(where, times, np.concatenate([values for _, values, _ in parts]), options.fill)
    facts = {
        "zone": parts[0][0].zone,
        "notes": [note for part, _, _ in parts for note in part.notes],
        "columns": parts[0][2],
        "gaps": grid.gaps,
    }
    return Found(grid, facts)


def _read(path: Path, options: Options, wanted: Wanted) -> tuple[Times, Floats, list[str]]:
    table = read_csv(path)
    header = list(table.columns)
    time = pick(path, header, options.time_column, TIME_PATTERNS, "--time-column")
    columns = wanted(path, [column for column in header if column != time])
    values = [numbers(path, table[name], low, high, unit) for name, low, high, unit in columns]
    return to_utc(str(path), table[time], options), np.stack(values, axis=1), [name for name, *_ in columns]
