"""The world and how a decision changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports

if TYPE_CHECKING:
    from wattward.envs.interfaces.cluster_env import ClusterEnv
    from wattward.envs.interfaces.sb3_env import FleetVecEnv
    from wattward.envs.interfaces.vector_env import ClusterVectorEnv
    from wattward.envs.model.params import make_params
    from wattward.envs.policy.outlook import Outlook
    from wattward.envs.policy.protocol import Policy
    from wattward.envs.simulator.source import EpisodeBank

__all__ = [
    "ClusterEnv",
    "ClusterVectorEnv",
    "EpisodeBank",
    "FleetVecEnv",
    "Outlook",
    "Policy",
    "make_params",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "envs.interfaces.cluster_env": "ClusterEnv",
        "envs.interfaces.sb3_env": "FleetVecEnv",
        "envs.interfaces.vector_env": "ClusterVectorEnv",
        "envs.model.params": "make_params",
        "envs.policy.outlook": "Outlook",
        "envs.policy.protocol": "Policy",
        "envs.simulator.source": "EpisodeBank",
    },
)
