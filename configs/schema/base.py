"""What every configuration model shares: frozen, closed to unknown keys, with errors a person can act on."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """A frozen model that refuses unknown keys and values that are not finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ConfigError(ValueError):
    """A configuration or data file that cannot be used; the message names file, key, value and what is allowed."""


Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PerHour = Annotated[tuple[NonNegative, ...], Field(min_length=24, max_length=24)]

Hours = Annotated[tuple[int, int], Field(description="[first hour, hour after the last)")]


def is_one(value: object) -> bool:
    """Whether a factor changes nothing, and so need not be written down."""
    return value == 1
