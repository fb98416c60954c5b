"""Environments as learners see them that have one network for any region: each region is an environment."""

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
    """B environments of R regions as B * R environments of one; region r of environment b is number b * R + r.

    Each has its region's view and mode, and the reward of the whole environment, which all its regions bring about
    together. Stores go by the rule.
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
        """First views, shape (B * R, size)."""
        return self._views(self._fleet.reset())

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Takes the modes of the coming step, shape (B * R,)."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Views (B * R, size), rewards and dones (B * R,) and infos of the step."""
        return self.step_held(self._actions, 1)

    def step_held(self, actions: NDArray[np.int64], action_repeat: int) -> VecEnvStepReturn:
        """As `step`, under one decision for `action_repeat` steps or to the episode's end; rewards are summed."""
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
    """Regions of an environment below wrappers, where each region is an environment; 1 where none is."""
    while isinstance(env, VecEnvWrapper) and not isinstance(env, RegionVecEnv):
        env = env.venv
    return env.n_regions if isinstance(env, RegionVecEnv) else 1
