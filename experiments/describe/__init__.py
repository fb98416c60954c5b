"""Describes a scenario: its sites, its prices and a typical day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.experiments.describe.typical_day import play_day

__all__ = [
    "play_day",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "experiments.describe.typical_day": "play_day",
    },
)
