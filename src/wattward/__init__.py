"""Wattward sends compute toward watts: when and where deferrable GPU work should run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattward.configs.lazy import exports
from wattward.envs.interfaces.registration import register_all

if TYPE_CHECKING:
    from wattward.configs.loading.worlds import load_scenario
    from wattward.envs.interfaces.cluster_env import ClusterEnv
    from wattward.envs.interfaces.sb3_env import FleetVecEnv
    from wattward.envs.interfaces.vector_env import ClusterVectorEnv
    from wattward.envs.model.params import make_params
    from wattward.envs.policy.orders import STAY, Orders
    from wattward.envs.policy.outlook import Outlook
    from wattward.envs.policy.protocol import Policy
    from wattward.experiments.evaluation.playing import evaluate

__version__ = "0.1.0"
__all__ = [
    "STAY",
    "ClusterEnv",
    "ClusterVectorEnv",
    "FleetVecEnv",
    "Orders",
    "Outlook",
    "Policy",
    "evaluate",
    "load_scenario",
    "make_params",
]
__getattr__, __dir__ = exports(
    __name__,
    {
        "configs.loading.worlds": "load_scenario",
        "envs.interfaces.cluster_env": "ClusterEnv",
        "envs.interfaces.sb3_env": "FleetVecEnv",
        "envs.interfaces.vector_env": "ClusterVectorEnv",
        "envs.model.params": "make_params",
        "envs.policy.orders": "STAY Orders",
        "envs.policy.outlook": "Outlook",
        "envs.policy.protocol": "Policy",
        "experiments.evaluation.playing": "evaluate",
    },
)

register_all()
