"""How a folder of recordings is laid out: which files hold sun, wind and request rates, and their columns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from wattward.configs.schema.base import Config, Name


class CapacityFactors(Config):
    """Hourly (or finer) capacity factors of one calendar year, Beijing time, one column a province.

    `stamp` says whether a row's time is the start or the end of the interval over which its value is the mean.
    """

    path: str
    time_column: str = "time"
    stamp: Literal["start", "end"] = "start"


class Requests(Config):
    """Request rates over whole days, seconds from an undisclosed start; region i takes file i, in turn."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    time_column: str = "t_s"
    rate_column: str = "req_per_s"


class RecordingLayout(Config):
    """One recording layout; paths are relative to the recording's folder and stay inside it."""

    name: Name
    title: str
    source: str
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
