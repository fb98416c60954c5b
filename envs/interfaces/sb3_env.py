"""A batch of environments for Stable-Baselines3, directly over the batch simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from wattward.configs.loading.worlds import load_scenario
from wattward.configs.schema.scenario import Scenario
from wattward.envs.accounting.kpis import kpis_of
from wattward.envs.decisions.registry import ActionChoice, interface_of
from wattward.envs.kernels.codes import RewardKind
from wattward.envs.kernels.fleet import REWARD
from wattward.envs.model.params import make_params
from wattward.envs.simulator.choices import check_counts
from wattward.envs.simulator.family_bank import FamilyEpisodes
from wattward.envs.simulator.simulator import Simulator
from wattward.envs.simulator.source import EpisodeBank, Episodes, episodes_for
from wattward.envs.world.family import family_of, refuse_family


class FleetVecEnv(VecEnv):
    """B environments of one scenario, or of members of a family, in one compiled step.

    A new episode begins as soon as one ends. Every environment draws its episodes from its own random stream of the
    seed, so that results do not depend on the order of environments. If the episode of environment b ended, `infos[b]`
    holds "episode" (return "r", length "l"), "kpis", "terminal_observation" and, unless the reward is "cost", "saving"
    (against RunOnArrival).
    """

    def __init__(
        self,
        scenario: str | Path | Scenario,
        num_envs: int,
        *,
        seed: int,
        action: ActionChoice = "modes",
        reward: RewardKind = "saving",
        split: str = "train",
        threads: int = 1,
        bank: EpisodeBank | int | None = None,
        draw_ahead: int | None = None,
        late_weight: float = 1.0,
    ) -> None:
        """Allocates the batch.

        Args:
            scenario: The name of a shipped scenario, a path, or a Scenario.
            num_envs: Number of environments B.
            seed: Seeds the choice of episodes.
            action: The form of actions: "modes", "shares", "joint" or another, as in `ClusterEnv`.
            reward: "cost", "saving" or "shaped", see `wattward.envs.kernels.codes`.
            split: The split from which episodes are drawn.
            threads: Threads that share a step.
            bank: Episodes drawn beforehand, or their number, as in `ClusterVectorEnv`. For a family, the number of
                members that are drawn for the environments to choose from; by default one for each environment.
            draw_ahead: Most fresh episodes that are drawn ahead, as in `ClusterVectorEnv`. Not for a family.
            late_weight: Factor on the scenario's price of lateness; a bank that is passed must have the same factor.
        """
        check_counts(num_envs, threads, draw_ahead)
        found = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        self.scenario, self._late_weight = found.with_lateness(late_weight), late_weight
        self.reward, self.split, self.action = reward, split, action
        self._family = family_of(self.scenario)
        self._episodes: Episodes = self._pool(num_envs, seed, bank, draw_ahead)
        self.params = make_params(self.scenario, num_envs) if self._family else self._episodes.bank.params
        self._simulator = Simulator(self.params, num_envs, self._episodes.bank, reward=reward, threads=threads)
        self._returns, self._slots = np.zeros(num_envs), [0] * num_envs
        self._actions: NDArray[Any] = np.zeros(num_envs)
        self.interface = interface_of(action, self.scenario)
        observed = self.interface.observation_space(self._episodes.bank.observation_space)
        self.render_mode = None
        super().__init__(num_envs, observed, self.interface.space)
        self.seed(seed)

    def _pool(self, num_envs: int, seed: int, bank: EpisodeBank | int | None, draw_ahead: int | None) -> Episodes:
        if self._family is None:
            return episodes_for(self.scenario, num_envs, self.split, None, self.reward, bank, draw_ahead)
        if isinstance(bank, EpisodeBank):
            refuse_family(self.scenario, "a bank")
        size, on_arrival = bank if isinstance(bank, int) else num_envs, self.reward != "cost"
        return FamilyEpisodes(
            self._family,
            size,
            split=self.split,
            on_arrival=on_arrival,
            seed=seed,
            late_weight=self._late_weight,
        )

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds the choice of episodes; takes effect at the next episode of each environment."""
        streams = np.random.SeedSequence(seed).spawn(self.num_envs)
        self._rngs = [np.random.default_rng(stream) for stream in streams]
        for b in range(self.num_envs):
            self._episodes.forget(b)
        return [seed] * self.num_envs

    def reset(self) -> Any:  # noqa: ANN401 - as the interface has it
        """Starts a new episode in every environment; returns observations, shape (B, size)."""
        for b in range(self.num_envs):
            self._start(b)
        return self._observed()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Stores the actions for the coming step."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Takes the step; returns observations (B, size), rewards (B,), dones (B,) and infos."""
        return self._step(self._actions, 1)

    def step_held(self, actions: NDArray[Any], action_repeat: int) -> VecEnvStepReturn:
        """Repeats one decision for `action_repeat` steps or until the episode ends; rewards are summed.

        Raises:
            ValueError: an action is not valid.
        """
        return self._step(actions, action_repeat)

    def _step(self, actions: NDArray[Any], action_repeat: int) -> VecEnvStepReturn:
        fleet = self._simulator.fleet
        checked = self.interface.checked(actions, self.num_envs)
        self._simulator.advance(action_repeat, self.interface.write(checked, fleet))
        rewards = fleet.outcome[:, REWARD]
        dones = fleet.ended.copy()
        self._returns += rewards
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        rewards = rewards.astype(np.float32)
        if dones.any():
            for b in np.flatnonzero(dones):
                infos[b] = self._end(int(b))
        for name, values in self.interface.facts(self._simulator.fleet).items():
            for info, value in zip(infos, values.tolist(), strict=True):
                info[name] = value
        self._episodes.prepare(self._rngs)
        return self._observed(), rewards, dones, infos

    def _observed(self, which: int | slice = slice(None)) -> Any:  # noqa: ANN401 - as the interface has it
        return self.interface.observed(self._simulator.fleet, which)

    def _start(self, b: int) -> None:
        self._slots[b] = self._episodes.next(b, self._rngs[b]).slot
        if isinstance(self._episodes, FamilyEpisodes):
            self._simulator.take_params(b, self._episodes.params_of(self._slots[b]))
        self._simulator.begin(b, self._slots[b])
        self._returns[b] = 0.0

    def _end(self, b: int) -> dict[str, Any]:
        kpis = kpis_of(self.params, self._simulator.state, self._simulator.tally, b)
        info: dict[str, Any] = {"kpis": kpis, "terminal_observation": self._observed(b), "TimeLimit.truncated": False}
        info["episode"] = {"r": float(self._returns[b]), "l": self.scenario.n_steps}
        if self.reward != "cost":
            on_arrival_cost = float(self._episodes.bank.on_arrival["total_cost"][self._slots[b]].sum())
            info["saving"] = 1.0 - kpis["total_cost"] / on_arrival_cost
        self._start(b)
        return info

    def close(self) -> None:
        """Does nothing: there is nothing to release."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:  # noqa: ANN401 - SB3's own signature
        """Returns the attribute of this object, once for each environment in `indices`."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:  # noqa: ANN401, ARG002 - SB3's own
        """Not possible: environments share their arrays.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"cannot set {attr_name!r} on single environments of {type(self).__name__}")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ANN401
        """Calls a method of this object once; returns the result for each environment in `indices`."""
        result = getattr(self, method_name)(*args, **kwargs)
        return [result] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:  # noqa: ANN401, ARG002 - SB3's own
        """Returns False for each environment: they are never wrapped."""
        return [False] * len(list(self._get_indices(indices)))
