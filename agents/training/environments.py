"""Environments to learn in, and the episodes that they play."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from wattward.agents.learners.region_env import RegionVecEnv
from wattward.agents.registry import algorithm_of
from wattward.envs.simulator.source import EpisodeBank
from wattward.envs.world.family import family_of
from wattward.envs.world.splits import N_TRAINING_EPISODES

if TYPE_CHECKING:
    from wattward.configs.schema.agent import AgentSettings
    from wattward.configs.schema.scenario import Scenario

BANK_KEY = 1
"""Keeps the choice of a run's episodes apart from all else that its seed decides."""


@runtime_checkable
class RepeatsActions(Protocol):
    """Environments that can repeat actions by themselves, and so encode only the last of the steps' observations."""

    def step_held(self, actions: NDArray[np.int64], action_repeat: int) -> VecEnvStepReturn:
        """Steps until `action_repeat` are done or an episode ends; rewards (num_envs,) are their sums."""
        ...


class RepeatedActions(VecEnvWrapper):
    """Decisions that hold for some steps of the environments; a decision's rewards are summed, then scaled.

    All environments must end their episodes at the same steps; a decision ends with the episode.
    """

    def __init__(self, venv: VecEnv, action_repeat: int, reward_scale: float) -> None:
        super().__init__(venv)
        self._action_repeat, self._reward_scale = action_repeat, reward_scale
        self._actions: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        # of its own, not one that a wrapper passes on past itself
        self._native = venv if hasattr(type(venv), "step_held") and isinstance(venv, RepeatsActions) else None

    def reset(self) -> VecEnvObs:
        """First observations (num_envs, size)."""
        return self.venv.reset()

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Takes the coming decision."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Observations after the decision's last step, its summed rewards, and that step's dones and infos."""
        step = self._native.step_held if self._native else self._step_held
        observations, rewards, dones, infos = step(self._actions, self._action_repeat)
        return observations, (rewards * self._reward_scale).astype(np.float32), dones, infos

    def _step_held(self, actions: NDArray[np.int64], action_repeat: int) -> VecEnvStepReturn:
        total = np.zeros(self.num_envs, dtype=np.float64)
        for _ in range(action_repeat):
            observations, rewards, dones, infos = self.venv.step(actions)
            total += rewards
            if dones.any():
                break
        return observations, total, dones, infos


def make_env(
    scenario: Scenario,
    settings: AgentSettings,
    seed: int,
    *,
    split: str = "train",
    num_envs: int | None = None,
    bank: EpisodeBank | int | None = None,
) -> VecEnv:
    """Environments to learn in, a batch; its actions are laid out as the algorithm needs them.

    Rewards are scaled, returns in `info["episode"]` are not. With `layout: region` each region is an environment.

    Raises:
        ConfigError: the algorithm cannot be trained on the scenario.
    """
    from wattward.envs.interfaces.sb3_env import FleetVecEnv

    algorithm = algorithm_of(settings)
    algorithm.check(settings, scenario)
    layout, many = algorithm.action_layout(settings), num_envs or settings.num_envs
    fleet = FleetVecEnv(
        scenario,
        many,
        seed=seed,
        action="modes" if layout == "region" else layout,
        reward=settings.reward,
        split=split,
        bank=bank,
        late_weight=settings.late_weight if split == "train" else 1.0,
    )
    env = RegionVecEnv(fleet) if layout == "region" else fleet
    return RepeatedActions(env, settings.action_repeat, settings.reward_scale)


def make_bank(
    scenario: Scenario, settings: AgentSettings, seed: int, *, progress: bool = False
) -> EpisodeBank | int | None:
    """The training episodes of a run, another choice for every seed; none where the settings ask for fresh ones.

    Of a family it is only their number: each has a scenario of its own, and the environments draw them.
    """
    if settings.bank_episodes == 0:
        return None
    if family_of(scenario) is not None:
        return settings.bank_episodes
    numbers = np.random.default_rng([BANK_KEY, seed]).choice(N_TRAINING_EPISODES, settings.bank_episodes, replace=False)
    return EpisodeBank.drawn(scenario.with_lateness(settings.late_weight), numbers.tolist(), progress=progress)
