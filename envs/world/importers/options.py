"""Options of imports, and which kinds of import take them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import pandas as pd

from wattward.configs.schema.base import ConfigError

FILLS = ("interpolate", "repeat-day")
FLAGS = {
    "zone": "--zone",
    "fill": "--fill",
    "time_column": "--time-column",
    "time_format": "--time-format",
    "value_columns": "--value-column",
    "start": "--start",
    "latitude_deg": "--latitude",
    "longitude_deg": "--longitude",
    "tilt_deg": "--tilt",
    "turbine": "--turbine",
    "year": "--year",
    "tokens_per_gpu_h": "--tokens-per-gpu-hour",
    "currency": "--currency",
    "per": "--per",
    "into": "--into",
    "exchange_rate": "--exchange-rate",
    "job_class": "--class",
    "missing": "--missing",
}
"""Fields of `Options` and their names on the command line."""


@dataclass(frozen=True)
class Options:
    """Options that the user gives; None means not given."""

    region: str = ""
    zone: str | None = None  # IANA name, for times without an offset
    fill: str | None = None  # one of FILLS
    time_column: str | None = None
    time_format: str | None = None  # of strptime
    value_columns: tuple[str, ...] | None = None
    start: str | None = None  # start of a trace whose times count from its own start
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    tilt_deg: float | None = None
    turbine: str | None = None
    year: int | None = None  # calendar year that a typical year becomes
    tokens_per_gpu_h: float | None = None
    currency: str | None = None  # of the file's prices
    per: str | None = None  # kWh or MWh
    into: str | None = None  # currency of the scenarios that the recording is for; CNY if not given
    exchange_rate: float | None = None  # value of one unit of `currency` in `into`
    job_class: str | None = None  # class of a scenario that a job log plays as
    missing: str | None = None  # what to do with incomplete jobs

    def allow(self, kind: str, known: Collection[str]) -> None:
        """Refuses options that `kind` does not take.

        Raises:
            ConfigError: an option is not taken, or has a value that is not allowed.
        """
        for field in fields(self):
            if field.name != "region" and getattr(self, field.name) is not None and field.name not in known:
                takes = ", ".join(FLAGS[name] for name in FLAGS if name in known)
                raise ConfigError(f"{FLAGS[field.name]}: import {kind} does not take it; it takes {takes}")
        if self.fill is not None and self.fill not in FILLS:
            raise ConfigError(f"--fill = {self.fill!r}: must be one of {', '.join(FILLS)}")


class Measured(NamedTuple):
    """One evenly spaced series of one region. Value i holds over the interval that begins at time i."""

    series: str
    unit: str
    times: pd.DatetimeIndex  # (M,) UTC
    values: Any  # (M,) floats


class Imported(NamedTuple):
    """Result of an importer: series or jobs, and facts about their origin."""

    region: str
    measured: list[Measured]
    facts: dict[str, Any]
    jobs: pd.DataFrame | None = None  # of one class, one row for each job
