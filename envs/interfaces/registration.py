"""Registers the environments with Gymnasium."""

from __future__ import annotations

import gymnasium

ENVIRONMENTS = {
    "wattward/ZhejiangXinjiang-v1": "zhejiang-xinjiang",
    "wattward/ZhejiangXinjiang2024-v1": "zhejiang-xinjiang-2024",
    "wattward/Toy-v1": "toy",
    "wattward/FollowTheSun-v1": "follow-the-sun",
    "wattward/JinshuitanMicrogrid-v1": "jinshuitan-microgrid",
    "wattward/PinghuChilledWater-v1": "pinghu-chilled-water",
    "wattward/QingyangGreen-v1": "qingyang-green",
    "wattward/ShanghaiGridEvent-v1": "shanghai-grid-event",
    "wattward/EightHubs-v1": "eight-hubs",
    "wattward/WesternHubsDirectSupply-v1": "western-hubs-direct-supply",
}
"""Environment id -> scenario name."""
FAMILIES = {"wattward/Random-v1": "random-3"}
"""Environment id -> family. Families have no native vector environment for Gymnasium."""


def register_all() -> None:
    """Registers every environment once; safe to call again."""
    vector = "wattward.envs.interfaces.vector_env:ClusterVectorEnv"
    for env_id, scenario in (ENVIRONMENTS | FAMILIES).items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point="wattward.envs.interfaces.cluster_env:ClusterEnv",
                vector_entry_point=vector if env_id in ENVIRONMENTS else None,
                kwargs={"scenario": scenario},
            )
