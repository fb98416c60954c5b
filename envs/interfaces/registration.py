"""Registers the environments with Gymnasium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium

from wattward.envs.world.splits import WORLDS_VERSION

if TYPE_CHECKING:
    from wattward.envs.interfaces.cluster_env import ClusterEnv
    from wattward.envs.interfaces.vector_env import ClusterVectorEnv

ENVIRONMENTS = {
    f"wattward/ZhejiangXinjiang-{WORLDS_VERSION}": "zhejiang-xinjiang",
    f"wattward/ZhejiangXinjiang2024-{WORLDS_VERSION}": "zhejiang-xinjiang-2024",
    f"wattward/Toy-{WORLDS_VERSION}": "toy",
    f"wattward/FollowTheSun-{WORLDS_VERSION}": "follow-the-sun",
    f"wattward/JinshuitanMicrogrid-{WORLDS_VERSION}": "jinshuitan-microgrid",
    f"wattward/PinghuChilledWater-{WORLDS_VERSION}": "pinghu-chilled-water",
    f"wattward/QingyangGreen-{WORLDS_VERSION}": "qingyang-green",
    f"wattward/ShanghaiGridEvent-{WORLDS_VERSION}": "shanghai-grid-event",
    f"wattward/EightHubs-{WORLDS_VERSION}": "eight-hubs",
    f"wattward/WesternHubsDirectSupply-{WORLDS_VERSION}": "western-hubs-direct-supply",
}
"""Environment id -> scenario name."""
FAMILIES = {f"wattward/Random-{WORLDS_VERSION}": "random-3"}
"""Environment id -> family. Families have no native vector environment for Gymnasium."""
FORMS = {"": "modes", "Jobs": "jobs", "Joint": "joint"}
"""What an id adds to the name of an environment -> its action interface."""


def ids_of(form: str) -> dict[str, str]:
    """The ids of a form of actions, such as "jobs", and the scenario or family of each."""
    suffix = next(suffix for suffix, named in FORMS.items() if named == form)
    return {env_id.replace("-v", f"{suffix}-v"): scenario for env_id, scenario in (ENVIRONMENTS | FAMILIES).items()}


def register_all() -> None:
    """Registers every environment with every form of actions once; safe to call again."""
    made_by = dict.fromkeys(FORMS.values(), ("cluster_env:ClusterEnv", "vector_env:ClusterVectorEnv"))
    made_by["jobs"] = ("registration:jobs_env", "registration:jobs_vector_env")
    for form, (single, vector) in made_by.items():
        action = {"action": form} if form == "joint" else {}
        for env_id, scenario in ids_of(form).items():
            if env_id not in gymnasium.registry:
                gymnasium.register(
                    env_id,
                    entry_point=f"wattward.envs.interfaces.{single}",
                    vector_entry_point=None if scenario in FAMILIES.values() else f"wattward.envs.interfaces.{vector}",
                    kwargs={"scenario": scenario, **action},
                )


def jobs_env(**arguments: Any) -> ClusterEnv:  # noqa: ANN401 - those of ClusterEnv
    """A `ClusterEnv` whose actions are orders for jobs.

    Args:
        **arguments: `rows` and `beyond` as for `wattward.envs.decisions.jobs.JobActions`, and those of `ClusterEnv`.
    """
    from wattward.envs.interfaces.cluster_env import ClusterEnv

    return ClusterEnv(**_by_job(arguments))


def jobs_vector_env(**arguments: Any) -> ClusterVectorEnv:  # noqa: ANN401 - those of ClusterVectorEnv
    """A `ClusterVectorEnv` whose actions are orders for jobs; the arguments are as for `jobs_env`."""
    from wattward.envs.interfaces.vector_env import ClusterVectorEnv

    return ClusterVectorEnv(**_by_job(arguments))


def _by_job(arguments: dict[str, Any]) -> dict[str, Any]:
    """Turns the options of `JobActions` into the interface that has them."""
    from functools import partial

    from wattward.envs.decisions.jobs import JobActions

    options = {name: arguments.pop(name) for name in ("rows", "beyond") if name in arguments}
    return {"action": partial(JobActions, **options), **arguments}
