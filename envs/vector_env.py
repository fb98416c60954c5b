"""Many environments at once for Stable-Baselines3, directly over the batch simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from wattward.configs import load_scenario
from wattward.configs.scenario_schema import Scenario
from wattward.envs.action import N_MODES, joint_to_modes, offers_of_modes
from wattward.envs.episode import draw, episode_seed
from wattward.envs.kpis import kpis_of
from wattward.envs.observation import Observer
from wattward.envs.params import make_params
from wattward.envs.reward import RewardKind, Rewards
from wattward.envs.simulator import Simulator

N_TRAINING_EPISODES = 2**31


class FleetVecEnv(VecEnv):
    """B environments of one scenario in one compiled step; a finished episode is followed by a new one at once.

    Every environment draws its episodes from its own stream of the seed, so that results do not depend on B's order.
    `infos[b]` holds, where an episode ended, "episode" (return "r", length "l"), "kpis", "terminal_observation" and,
    but for reward "cost" "saving" (against RunOnArrival).
    """

    def __init__(
        self,
        scenario: str | Path | Scenario,
        num_envs: int,
        *,
        seed: int,
        joint: bool = False,
        reward: RewardKind = "saving",
        split: str = "train",
    ) -> None:
        """Allocates the batch.

        Args:
            scenario: A shipped scenario's name, a path, or a Scenario.
            num_envs: Number of environments B.
            seed: Seeds the choice of episodes.
            joint: Actions are one Discrete(4**R) instead of MultiDiscrete([4] * R).
            reward: "cost", "saving" or "shaped", see `wattward.envs.reward`.
            split: The split episodes are drawn from.
        """
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        self.reward, self.split, self.joint = reward, split, joint
        self.params = make_params(self.scenario, num_envs)
        self._observer = Observer(self.scenario, self.params)
        self._simulator = Simulator(self.params, self.scenario.n_steps + self.params.forecast_rho.shape[2])
        self._rewards = Rewards(reward, self._simulator, self.scenario.n_steps)
        self._returns = np.zeros(num_envs)
        self._actions: NDArray[Any] = np.zeros(num_envs)
        self._observations = np.zeros((num_envs, *self._observer.space.shape), np.float32)
        regions = self.scenario.n_regions
        separate, together = spaces.MultiDiscrete([N_MODES] * regions), spaces.Discrete(N_MODES**regions)
        self.render_mode = None
        super().__init__(num_envs, self._observer.space, together if joint else separate)
        self.seed(seed)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds the choice of episodes; takes effect at the next episode of each environment."""
        streams = np.random.SeedSequence(seed).spawn(self.num_envs)
        self._rngs = [np.random.default_rng(stream) for stream in streams]
        return [seed] * self.num_envs

    def reset(self) -> NDArray[np.float32]:
        """Starts a new episode everywhere; observations, shape (B, size)."""
        for b in range(self.num_envs):
            self._start(b)
        return self._observe()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Takes the actions of the coming step."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Observations (B, size), rewards (B,), dones (B,) and infos of the step."""
        modes = joint_to_modes(self._actions, self.scenario.n_regions) if self.joint else self._actions
        rewards = self._rewards.step(offers_of_modes(np.asarray(modes)))
        self._returns += rewards
        dones = self._simulator.state.step >= self.params.n_steps
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        observations = self._observe()
        if dones.any():
            for b in np.flatnonzero(dones):
                infos[b] = self._end(int(b), observations[b])
            observations = self._observe()
        return observations, rewards.astype(np.float32), dones, infos

    def _start(self, b: int) -> None:
        number = int(self._rngs[b].integers(N_TRAINING_EPISODES))
        self._simulator.load(b, draw(self.scenario, episode_seed(self.split, number)))
        self._rewards.begin(b)
        self._returns[b] = 0.0

    def _end(self, b: int, observation: NDArray[np.float32]) -> dict[str, Any]:
        kpis = kpis_of(self.params, self._simulator.state, self._simulator.tally, b)
        info: dict[str, Any] = {"kpis": kpis, "terminal_observation": observation.copy(), "TimeLimit.truncated": False}
        info["episode"] = {"r": float(self._returns[b]), "l": self.scenario.n_steps}
        if self.reward != "cost":
            info["saving"] = 1.0 - kpis["cost_yuan"] / float(self._rewards.on_arrival.cost_yuan[b].sum())
        self._start(b)
        return info

    def _observe(self) -> NDArray[np.float32]:
        self._observer.encode(self.params, self._simulator.state, self._simulator.world, self._observations)
        return self._observations.copy()

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:  # noqa: ANN401 - SB3's own signature
        """The attribute of this object, once an environment asked for."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:  # noqa: ANN401, ARG002 - SB3's own
        """Not possible: environments share their arrays.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"cannot set {attr_name!r} on single environments of {type(self).__name__}")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ANN401
        """Calls a method of this object once, for every environment asked for."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:  # noqa: ANN401, ARG002 - SB3's own
        """Never wrapped."""
        return [False] * len(list(self._get_indices(indices)))
