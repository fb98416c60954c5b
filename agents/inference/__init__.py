"""Inference with trained agents: checkpoints, and networks that choose actions without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.agents.inference.checkpoint import Manifest, read_manifest, read_policy, write
    from wattward.agents.inference.policy import LearnedPolicy, load_policy

__all__ = [
    "LearnedPolicy",
    "Manifest",
    "load_policy",
    "read_manifest",
    "read_policy",
    "write",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "agents.inference.checkpoint": "Manifest read_manifest read_policy write",
        "agents.inference.policy": "LearnedPolicy load_policy",
    },
)
