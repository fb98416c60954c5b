"""Asks the questions: train, evaluate, score, rank, show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.experiments.evaluation.methods import Method, method
    from wattward.experiments.evaluation.playing import evaluate
    from wattward.experiments.evaluation.worlds import Worlds

__all__ = [
    "Method",
    "Worlds",
    "evaluate",
    "method",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "experiments.evaluation.playing": "evaluate",
        "experiments.evaluation.methods": "Method method",
        "experiments.evaluation.worlds": "Worlds",
    },
)
