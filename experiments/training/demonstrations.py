"""A teacher's decisions on training episodes, for agents that start with imitation."""

from __future__ import annotations

import numpy as np

from wattward.agents.training.imitation import Demonstrations, discounted
from wattward.baselines import registry
from wattward.baselines.optimisers.hindsight import HindsightPlanner
from wattward.configs.schema.agent import AgentSettings, WarmStart
from wattward.configs.schema.base import ConfigError
from wattward.configs.schema.scenario import Scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.episode import play_episode
from wattward.envs.policy.protocol import Policy
from wattward.envs.world.splits import N_TRAINING_EPISODES

HINDSIGHT = "HindsightPlanner"
"""Name of a teacher that knows the whole episode.

It is not a registered method, but hindsight is allowed on training episodes.
"""
TEACHER_KEY = 2
"""Separates the random choice of a teacher's episodes from everything else that uses the run's seed."""


def teacher(name: str) -> Policy:
    """Makes the teacher with a method's name, or HindsightPlanner.

    Raises:
        ConfigError: no method has that name, or it gives orders to jobs, which agents on modes cannot imitate.
    """
    if name == HINDSIGHT:
        return HindsightPlanner()
    if registry.gives_orders(name):
        voted = f"{name}{registry.VOTED_END}"
        raise ConfigError(f"teacher {name}: gives orders to jobs; must choose modes, such as {voted}")
    return registry.make(name)


def check_teacher(name: str) -> None:
    """Checks a teacher's name before anything is written.

    Raises:
        ConfigError: as for `teacher`.
    """
    teacher(name)


def demonstrations(scenario: Scenario, settings: AgentSettings, warm: WarmStart, seed: int) -> Demonstrations:
    """Plays the teacher on training episodes chosen by the seed; it holds decisions for as long as the agent will."""
    env = ClusterEnv(scenario, split="train", reward=settings.reward)
    policy = teacher(warm.teacher)
    numbers = np.random.default_rng([TEACHER_KEY, seed]).choice(N_TRAINING_EPISODES, warm.episodes, replace=False)
    played = [_play(env, policy, settings, seed, number) for number in numbers.tolist()]
    return Demonstrations(*(np.concatenate(columns) for columns in zip(*played, strict=True)))


def _play(env: ClusterEnv, policy: Policy, settings: AgentSettings, seed: int, number: int) -> Demonstrations:
    shown = play_episode(
        policy,
        env,
        split="train",
        episode=number,
        rng=np.random.default_rng([TEACHER_KEY, seed, number]),
        keep=("decisions", "observations"),
        hold=settings.action_repeat,
    )
    decisions = np.array([env.interface.checked(answer) for answer in shown.decisions], dtype=np.int64)
    held = np.zeros(len(decisions))
    for step in range(settings.action_repeat):
        of_step = shown.rewards[step :: settings.action_repeat]
        held[: len(of_step)] += of_step
    return Demonstrations(shown.observations, decisions, discounted(held * settings.reward_scale, settings.gamma))
