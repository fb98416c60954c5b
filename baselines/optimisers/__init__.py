"""Policies that plan: model predictive control, search over sampled futures, and search in hindsight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.baselines.optimisers.hindsight import HindsightPlanner
    from wattward.baselines.optimisers.mpc import Mpc
    from wattward.baselines.optimisers.planner import Planner

__all__ = [
    "HindsightPlanner",
    "Mpc",
    "Planner",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "baselines.optimisers.hindsight": "HindsightPlanner",
        "baselines.optimisers.mpc": "Mpc",
        "baselines.optimisers.planner": "Planner",
    },
)
