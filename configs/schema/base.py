"""The base class of all configuration models, and types that they share."""

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


def is_one(value: object) -> bool:
    """Whether a factor is 1, so that it can be left out of a file."""
    return value == 1
