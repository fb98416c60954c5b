"""What an import may be told, and which kind of file may be told what."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import pandas as pd

from wattward.configs import ConfigError

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
"""Field of `Options` and how the command line calls it."""


@dataclass(frozen=True)
class Options:
    """What the user says beside the files; None where nothing is said."""

    region: str = ""
    zone: str | None = None  # IANA, of times that carry no offset
    fill: str | None = None  # one of FILLS
    time_column: str | None = None
    time_format: str | None = None  # of strptime
    value_columns: tuple[str, ...] | None = None
    start: str | None = None  # of a trace that counts from its own start
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    tilt_deg: float | None = None
    turbine: str | None = None
    year: int | None = None  # that a typical year becomes
    tokens_per_gpu_h: float | None = None
    currency: str | None = None  # of the file's prices
    per: str | None = None  # kWh or MWh
    into: str | None = None  # currency of the scenarios that the recording is for; CNY if not given
    exchange_rate: float | None = None  # what one unit of `currency` is in `into`
    job_class: str | None = None  # of a scenario, that a log of jobs is played as
    missing: str | None = None  # what to do with jobs that miss something

    def allow(self, kind: str, known: Collection[str]) -> None:
        """Refuses what `kind` has no use for.

        Raises:
            ConfigError: naming the option and those that the kind takes, or a value that is not allowed.
        """
        for field in fields(self):
            if field.name != "region" and getattr(self, field.name) is not None and field.name not in known:
                takes = ", ".join(FLAGS[name] for name in FLAGS if name in known)
                raise ConfigError(f"{FLAGS[field.name]}: import {kind} does not take it; it takes {takes}")
        if self.fill is not None and self.fill not in FILLS:
            raise ConfigError(f"--fill = {self.fill!r}: must be one of {', '.join(FILLS)}")


class Measured(NamedTuple):
    """One series of one region, evenly spaced; value i holds over the interval that begins at time i."""

    series: str
    unit: str
    times: pd.DatetimeIndex  # (M,) UTC
    values: Any  # (M,) floats


class Imported(NamedTuple):
    """What an importer found: the series or the jobs, and facts about how they came to be."""

    region: str
    measured: list[Measured]
    facts: dict[str, Any]
    jobs: pd.DataFrame | None = None  # of one class, a row a job
