"""The simulator as environments for Gymnasium, Stable-Baselines3 and PettingZoo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.interfaces.cluster_env import ClusterEnv
    from wattward.envs.interfaces.sb3_env import FleetVecEnv
    from wattward.envs.interfaces.vector_env import ClusterVectorEnv

__all__ = [
    "ClusterEnv",
    "ClusterVectorEnv",
    "FleetVecEnv",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.interfaces.cluster_env": "ClusterEnv",
        "envs.interfaces.sb3_env": "FleetVecEnv",
        "envs.interfaces.vector_env": "ClusterVectorEnv",
    },
)
