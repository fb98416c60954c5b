"""A PettingZoo environment with one agent for each region, over the same step as the single environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.types import COST_TERMS
from wattward.envs.policy.region_views import region_views, view_space
from wattward.envs.world.family import refuse_family

try:
    from pettingzoo import ParallelEnv
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("one agent a region needs PettingZoo: pip install 'wattward[multi]'") from error

Views = dict[str, NDArray[np.float32]]
NAMING = ("split", "episode")


class ParallelClusterEnv(ParallelEnv[str, NDArray[np.float32], Any]):
    """GPU clusters in several regions; each region is an agent that decides for itself in every step.

    Agents have the names of their regions. Each sees the clock, the fields of its own region, and the mean and the
    largest of the other regions' fields (`wattward.envs.policy.region_views`). So one policy can serve any region of
    any scenario with the same fields. All agents get the same reward, that of all regions together. Episodes have a
    fixed length, terminate for all agents at once and are never truncated.
    """

    metadata = {"name": "wattward_v1", **ClusterEnv.metadata}  # noqa: RUF012 - PettingZoo's own

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - ClusterEnv's own
        """Builds the environment; the arguments are those of `ClusterEnv`.

        Raises:
            ConfigError: The scenario is a family. Other errors are those of `ClusterEnv`.
        """
        self.cluster = ClusterEnv(*args, **kwargs)
        refuse_family(self.cluster.scenario, "one agent a region")
        self.render_mode = self.cluster.render_mode
        regions = self.cluster.scenario.regions
        self.possible_agents = [region.name for region in regions]
        self.agents: list[str] = []
        params = self.cluster.params
        self._entries = [
            [r, *(entry for entry in params.store_entry[0, r].tolist() if entry >= 0)] for r in range(len(regions))
        ]
        size = self.state().size
        self.observation_spaces = {name: view_space(len(regions), size) for name in self.possible_agents}
        self.action_spaces = {
            name: self.cluster.interface.agent_space(entries)
            for name, entries in zip(self.possible_agents, self._entries, strict=True)
        }

    def observation_space(self, agent: str) -> spaces.Box:
        """The Box of an agent's observation."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The space of the agent's decisions for its region, as the action interface defines it.

        By default an action is a mode. If the scenario lets actions order the region's stores, it also holds an order
        for each of them.
        """
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Views, dict[str, dict[str, Any]]]:
        """Starts an episode.

        Args:
            seed: Seeds the choice of episodes.
            options: May hold "split" and "episode" to name the episode. Other keys are ignored, because PettingZoo's
                own checks of an environment pass some.

        Returns:
            Views and infos by agent; an info holds "split" and "episode".

        Raises:
            ValueError: the split or the episode is unknown.
        """
        named = {key: value for key, value in (options or {}).items() if key in NAMING}
        _, info = self.cluster.reset(seed=seed, options=named or None)
        self.agents = [*self.possible_agents]
        return self._seen(), {name: dict(info) for name in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[Views, dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Advances one step.

        Args:
            actions: An action by agent, each from the agent's action space.

        Returns:
            Views, rewards, terminations, truncations and infos by agent. An info holds "total_cost" and its terms for
            the agent's own region, "team_cost" for all regions, and "kpis" if the episode ended.

        Raises:
            ValueError: an agent's action is missing or not in its action space, or the episode is over.
        """
        if not self.agents:
            raise ValueError("the episode is over; call reset()")
        _, reward, terminated, truncated, info = self.cluster.step(self._joined(actions))
        agents = self.agents
        if terminated:
            self.agents = []
        kpis = {"kpis": info["kpis"]} if terminated else {}
        bills = {name: {**self._own_bills(r), "team_cost": info["total_cost"], **kpis} for r, name in enumerate(agents)}
        alike = (dict.fromkeys(agents, terminated), dict.fromkeys(agents, truncated))
        return self._seen(), dict.fromkeys(agents, reward), *alike, bills

    def render(self) -> Any:  # noqa: ANN401 - PettingZoo's own signature
        """Text ("ansi") or an RGB array, shape (height, width, 3); None without a render mode."""
        return self.cluster.render()

    def state(self) -> NDArray[np.float32]:
        """The fields of all regions together: the vector that `ClusterEnv` observes by default."""
        return self.cluster.observed_fields()

    def close(self) -> None:
        """Closes the environment."""
        self.cluster.close()

    def _seen(self) -> Views:
        return dict(zip(self.possible_agents, region_views(self.state(), len(self.possible_agents)), strict=True))

    def _joined(self, actions: dict[str, Any]) -> NDArray[Any]:
        if set(actions) != set(self.agents):
            raise ValueError(f"actions must hold one for each of {self.agents}, got {sorted(actions)}")
        return self.cluster.interface.joined([actions[name] for name in self.agents], self._entries)

    def _own_bills(self, r: int) -> dict[str, float]:
        flows = self.cluster.flows
        terms = {term: float(getattr(flows, term)[0, r]) for term in COST_TERMS}
        return {"total_cost": sum(terms.values()), **terms}
