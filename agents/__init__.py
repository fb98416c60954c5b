"""Policies that learn, their checkpoints, and the adapter that makes them methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.agents.inference.policy import LearnedPolicy, load_policy

__all__ = [
    "LearnedPolicy",
    "load_policy",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "agents.inference.policy": "LearnedPolicy load_policy",
    },
)
