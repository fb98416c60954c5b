"""The base class of all configuration models, and shared types."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NoReturn

from pydantic import BaseModel, ConfigDict, Field


class FrozenDict(dict[Any, Any]):
    """A mapping that cannot be changed. Models are shared, so no reader may change a mapping for the others."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a configuration cannot be changed; take a copy with dict(...)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    pop = popitem = clear = update = setdefault = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[Any, Any]]]:
        """Pickles and copies the mapping as a whole, because it cannot be filled key by key."""
        return FrozenDict, (dict(self),)


class Config(BaseModel):
    """A frozen model with frozen mappings. It refuses unknown keys, and numbers that are not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    replaced_keys: ClassVar[dict[str, str]] = {}
    """Keys that older files may hold, each with its replacement. The error for an unknown key names it."""

    def model_post_init(self, _: Any, /) -> None:  # noqa: ANN401 - pydantic's own signature
        """Freezes mappings."""
        for name, value in self.__dict__.items():
            if type(value) is dict:
                self.__dict__[name] = FrozenDict(value)


class ConfigError(ValueError):
    """A configuration or data file cannot be used. The message names file, key, value and what is allowed."""


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\w[\w .+@=-]*$")]
"""A name that can be used in paths and tables: letters, digits, spaces and `_.+@=-`, beginning with a letter."""
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PerHour = Annotated[tuple[NonNegative, ...], Field(min_length=24, max_length=24)]

Hours = Annotated[tuple[int, int], Field(description="[first hour, hour after the last)")]


def is_one(value: object) -> bool:
    """Whether a factor is 1 and can therefore be left out of a file."""
    return value == 1
