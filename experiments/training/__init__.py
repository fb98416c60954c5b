"""Trains agents, stores their runs, and maintains the zoo of shipped agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.experiments.training.train import train_agent

__all__ = [
    "train_agent",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "experiments.training.train": "train_agent",
    },
)
