"""Published rules, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.baselines.rules.rule import Rule

__all__ = [
    "Rule",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "baselines.rules.rule": "Rule",
    },
)
