"""Vector environment for learners that use one network for every region: each region is an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from wattward.envs.decisions.action import N_MODES
from wattward.envs.policy.region_views import region_views, view_space

if TYPE_CHECKING:
    from wattward.envs.interfaces.sb3_env import FleetVecEnv


class RegionVecEnv(VecEnvWrapper):
    """Presents B environments with R regions each as B * R environments with one region each.

    Region r of environment b has index b * R + r. It receives its own view and chooses its own mode. Its reward is the
    reward of the whole environment, which all regions cause together. Stores follow the built-in rule.
    """

    def __init__(self, fleet: FleetVecEnv) -> None:
        self.n_regions = fleet.scenario.n_regions
        assert fleet.observation_space.shape is not None
        view = view_space(self.n_regions, fleet.observation_space.shape[0])
        super().__init__(fleet, view, spaces.Discrete(N_MODES))
        self._fleet = fleet
        self.num_envs = fleet.num_envs * self.n_regions
        self.reset_infos = [{} for _ in range(self.num_envs)]
        self._actions: NDArray[np.int64] = np.zeros(self.num_envs, np.int64)

    def reset(self) -> NDArray[np.float32]:
        """Returns the first views, shape (B * R, size)."""
        return self._views(self._fleet.reset())

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Stores the modes of the next step, shape (B * R,)."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Returns views (B * R, size), rewards and dones (B * R,) and infos of the step."""
        return self.step_held(self._actions, 1)

    def step_held(self, actions: NDArray[np.int64], action_repeat: int) -> VecEnvStepReturn:
        """Holds one decision for `action_repeat` steps or until the episode ends, and sums the rewards."""
        modes = np.reshape(actions, (-1, self.n_regions))
        observations, rewards, dones, infos = self._fleet.step_held(modes, action_repeat)
        assert isinstance(observations, np.ndarray)
        each: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for b in np.flatnonzero(dones):
            last = region_views(infos[b]["terminal_observation"], self.n_regions)
            for r in range(self.n_regions):
                each[b * self.n_regions + r] = {**infos[b], "terminal_observation": last[r]}
        return self._views(observations), rewards.repeat(self.n_regions), dones.repeat(self.n_regions), each

    def _views(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        return region_views(observations, self.n_regions).reshape(self.num_envs, -1)


def regions_in(env: VecEnv) -> int:
    """Returns the number of regions of the `RegionVecEnv` below all wrappers, or 1 if there is none."""
    while isinstance(env, VecEnvWrapper) and not isinstance(env, RegionVecEnv):
        env = env.venv
    return env.n_regions if isinstance(env, RegionVecEnv) else 1
