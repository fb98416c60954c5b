"""Policies that do not learn, and the lower bound on the cost of any policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.baselines.registry import make, names

__all__ = [
    "make",
    "names",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "baselines.registry": "make names",
    },
)
