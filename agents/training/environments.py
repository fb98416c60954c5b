"""Training environments and the episodes that they play."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from wattward.agents.learners.job_env import JobVecEnv
from wattward.agents.learners.region_env import RegionVecEnv
from wattward.agents.registry import algorithm_of
from wattward.envs.decisions.jobs import ROWS, JobActions
from wattward.envs.simulator.source import EpisodeBank
from wattward.envs.world.family import family_of
from wattward.envs.world.splits import N_TRAINING_EPISODES

if TYPE_CHECKING:
    from wattward.agents.inference.checkpoint import ActionLayout
    from wattward.configs.schema.agent import AgentSettings
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.decisions.registry import ActionChoice
    from wattward.envs.interfaces.sb3_env import FleetVecEnv

BANK_KEY = 1
"""Separates the random choice of a run's episodes from everything else that uses the run's seed."""


@runtime_checkable
class RepeatsActions(Protocol):
    """Environments that repeat actions themselves and therefore encode only the observation of the last step."""

    def step_held(self, actions: NDArray[np.int64], action_repeat: int) -> VecEnvStepReturn:
        """Takes `action_repeat` steps, or fewer if an episode ends; rewards (num_envs,) are sums over the steps."""
        ...


class RepeatedActions(VecEnvWrapper):
    """Holds each decision for several steps of the environments. Rewards of a decision are summed, then scaled.

    All environments must end their episodes at the same steps. A decision ends when its episode ends.
    """

    def __init__(self, venv: VecEnv, action_repeat: int, reward_scale: float) -> None:
        super().__init__(venv)
        self._action_repeat, self._reward_scale = action_repeat, reward_scale
        self._actions: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        # only if the class itself defines step_held: a wrapper would forward the call and skip its own step
        self._native = venv if hasattr(type(venv), "step_held") and isinstance(venv, RepeatsActions) else None

    def reset(self) -> VecEnvObs:
        """Returns the first observations (num_envs, size)."""
        return self.venv.reset()

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Stores the next decision."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Returns observations, dones and infos of the decision's last step, and its summed and scaled rewards."""
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
    """Makes a batch of training environments whose action layout is the one that the algorithm needs.

    Rewards are scaled, but returns in `info["episode"]` are not. With `layout: region` each region is an environment.

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
        action=_action(settings, layout),
        reward=settings.reward,
        split=split,
        bank=bank,
        late_weight=settings.late_weight if split == "train" else 1.0,
    )
    return RepeatedActions(_as_learnt(layout, fleet), settings.action_repeat, settings.reward_scale)


def _action(settings: AgentSettings, layout: ActionLayout) -> ActionChoice:
    """The form of actions of the environments."""
    if layout == "jobs":
        return partial(JobActions, rows=getattr(settings, "rows", ROWS))
    return "modes" if layout == "region" else layout


def _as_learnt(layout: ActionLayout, fleet: FleetVecEnv) -> VecEnv:
    """The environments with the observations that the learner needs."""
    if layout == "region":
        return RegionVecEnv(fleet)
    return JobVecEnv(fleet) if layout == "jobs" else fleet


def make_bank(
    scenario: Scenario, settings: AgentSettings, seed: int, *, progress: bool = False
) -> EpisodeBank | int | None:
    """Draws the training episodes of a run; every seed gives a different choice.

    Returns:
        The episodes; only their number for a family of scenarios, because each of its episodes has its own scenario
        and the environments draw them; None if the settings ask for new episodes all the time.
    """
    if settings.bank_episodes == 0:
        return None
    if family_of(scenario) is not None:
        return settings.bank_episodes
    numbers = np.random.default_rng([BANK_KEY, seed]).choice(N_TRAINING_EPISODES, settings.bank_episodes, replace=False)
    return EpisodeBank.drawn(scenario.with_lateness(settings.late_weight), numbers.tolist(), progress=progress)
