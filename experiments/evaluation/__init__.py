"""Plays policies on episodes and scores them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.experiments.evaluation.cells import Cell
    from wattward.experiments.evaluation.executor import run_cells
    from wattward.experiments.evaluation.methods import Method, method
    from wattward.experiments.evaluation.playing import References, check_fit, evaluate
    from wattward.experiments.evaluation.worlds import Worlds

__all__ = [
    "Cell",
    "Method",
    "References",
    "Worlds",
    "check_fit",
    "evaluate",
    "method",
    "run_cells",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "experiments.evaluation.cells": "Cell",
        "experiments.evaluation.playing": "References check_fit evaluate",
        "experiments.evaluation.executor": "run_cells",
        "experiments.evaluation.methods": "Method method",
        "experiments.evaluation.worlds": "Worlds",
    },
)
