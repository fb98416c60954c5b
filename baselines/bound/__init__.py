"""A lower bound, computed in hindsight, on the cost of any policy in an episode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.baselines.bound.bound import Bound

__all__ = [
    "Bound",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "baselines.bound.bound": "Bound",
    },
)
