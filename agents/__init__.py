"""Learning agents: algorithms, networks, training, checkpoints, and policies loaded from checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.agents.inference.policy import LearnedPolicy, load_policy
    from wattward.agents.registry import load_agent, register

__all__ = [
    "LearnedPolicy",
    "load_agent",
    "load_policy",
    "register",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "agents.inference.policy": "LearnedPolicy load_policy",
        "agents.registry": "load_agent register",
    },
)
