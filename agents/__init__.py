"""Policies that learn: algorithms, networks, training, checkpoints, and the policies that checkpoints hold.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wattward.agents.inference.policy import LearnedPolicy, load_policy
    from wattward.agents.registry import algorithms, load_agent, register

__all__ = ["LearnedPolicy", "algorithms", "load_agent", "load_policy", "register"]

_HOMES = {
    "LearnedPolicy": "wattward.agents.inference.policy",
    "load_policy": "wattward.agents.inference.policy",
    "algorithms": "wattward.agents.registry",
    "load_agent": "wattward.agents.registry",
    "register": "wattward.agents.registry",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
