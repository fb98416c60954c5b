"""Training episodes as a teacher plays them, for agents that begin by imitation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wattward.agents.training.imitation import Demonstrations, discounted
from wattward.baselines import registry
from wattward.baselines.optimisers.hindsight import HindsightPlanner
from wattward.configs.schema.agent import PPOSettings, WarmStart
from wattward.configs.schema.scenario import Scenario
from wattward.envs.decisions.action import StoreOrder, n_entries
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.policy.protocol import Policy
from wattward.envs.world.splits import N_TRAINING_EPISODES

HINDSIGHT = "HindsightPlanner"
"""A teacher that knows the episode: no method, but training episodes may be known in hindsight."""
TEACHER_KEY = 2
"""Keeps the choice of a teacher's episodes apart from all else that a run's seed decides."""


def teacher(name: str, env: ClusterEnv) -> Policy:
    """The teacher behind a method's name, or HindsightPlanner.

    Raises:
        ConfigError: no such method.
    """
    return HindsightPlanner(env) if name == HINDSIGHT else registry.make(name)


def check_teacher(name: str) -> None:
    """Refuses a teacher before anything is written.

    Raises:
        ConfigError: no such method.
    """
    if name != HINDSIGHT:
        registry.make(name)


def demonstrations(scenario: Scenario, settings: PPOSettings, warm: WarmStart, seed: int) -> Demonstrations:
    """The teacher's decisions on training episodes that the seed chooses, each held as long as the agent's will be."""
    env = ClusterEnv(scenario, split="train", reward=settings.reward)
    policy = teacher(warm.teacher, env)
    numbers = np.random.default_rng([TEACHER_KEY, seed]).choice(N_TRAINING_EPISODES, warm.episodes, replace=False)
    played = [_play(env, policy, settings, seed, number) for number in numbers.tolist()]
    return Demonstrations(*(np.concatenate(columns) for columns in zip(*played, strict=True)))


def _play(env: ClusterEnv, policy: Policy, settings: PPOSettings, seed: int, number: int) -> Demonstrations:
    env.reset(options={"split": "train", "episode": number})
    policy.reset(env.outlook(), np.random.default_rng([TEACHER_KEY, seed, number]))
    observations, decisions = list[NDArray[np.float32]](), list[NDArray[np.int64]]()
    rewards, ended = list[float](), False
    while not ended:
        outlook, total = env.outlook(), 0.0
        modes, chosen = np.full(n_entries(env.scenario), StoreOrder.BY_RULE, dtype=np.int64), policy.act(outlook)
        modes[: chosen.size] = chosen
        observations.append(outlook.observation.copy())
        for _ in range(settings.action_repeat):
            _, reward, ended, _, _ = env.step(modes)
            total += float(reward)
            if ended:
                break
        decisions.append(modes)
        rewards.append(total * settings.reward_scale)
    return Demonstrations(
        np.array(observations, dtype=np.float32),
        np.array(decisions, dtype=np.int64),
        discounted(np.array(rewards), settings.gamma),
    )
