"""Layout of a folder of recordings: files and columns of sun, wind and request rates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from wattward.configs.schema.base import Config, Name


class CapacityFactors(Config):
    """Hourly or finer capacity factors of one calendar year, with one column for each province.

    `stamp` says whether a row's time is the start or the end of the interval over which its value is the mean.
    """

    path: str
    time_column: str = "time"
    stamp: Literal["start", "end"] = "start"


class Requests(Config):
    """Request rates over whole days, in seconds from an unknown start. Regions take the files in turn."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    time_column: str = "t_s"
    rate_column: str = "req_per_s"


class RecordingLayout(Config):
    """One recording layout. Paths are relative to the recording's folder and must stay inside it."""

    name: Name
    title: str
    source: str
    timezone: Annotated[
        str | None, Field(description="IANA name of the clock of dates without an offset; by default the scenario's")
    ] = None
    sun: CapacityFactors
    wind: CapacityFactors
    requests: Requests

    @field_validator("sun", "wind", "requests")
    @classmethod
    def _inside(cls, part: CapacityFactors | Requests) -> CapacityFactors | Requests:
        paths = part.paths if isinstance(part, Requests) else (part.path,)
        for path in paths:
            if path.startswith(("/", "\\")) or ".." in path.replace("\\", "/").split("/"):
                raise ValueError(f"path {path!r} must lie inside the recording's folder")
        return part
