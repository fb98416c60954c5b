"""Ranks policies on suites of episodes and publishes the results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.experiments.leaderboard.ranking import rank
    from wattward.experiments.leaderboard.run import run_methods, run_suite

__all__ = [
    "rank",
    "run_methods",
    "run_suite",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "experiments.leaderboard.ranking": "rank",
        "experiments.leaderboard.run": "run_methods run_suite",
    },
)
