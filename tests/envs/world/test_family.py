"""Environments whose every episode has a scenario of its own."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from wattward.configs import ConfigError, load_scenario
from wattward.configs.generate.members import BLOCK
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.envs.interfaces.vector_env import ClusterVectorEnv
from wattward.envs.simulator.source import EpisodeBank


def test_checkers_accept_the_family() -> None:
    env = gymnasium.make("wattward/Random-v1")
    gymnasium_check(env.unwrapped, skip_render_check=True)
    sb3_check(env.unwrapped)
    observation, info = env.reset(seed=1)
    assert env.observation_space.contains(observation)
    assert env.reset(seed=1)[1] == info != env.reset(seed=2)[1]


def test_an_episode_is_a_member_and_splits_share_none() -> None:
    env = ClusterEnv("random-2")
    seen = {}
    for split in ("train", "validation", "test"):
        observation, info = env.reset(options={"split": split, "episode": 5})
        assert info == {"split": split, "episode": 5}
        assert env.observation_space.contains(observation)
        seen[split] = env.scenario.name
    assert seen == {"train": "random-2x5", "validation": f"random-2x{BLOCK + 5}", "test": f"random-2x{2 * BLOCK + 5}"}


def test_a_member_played_alone_is_the_same_episode() -> None:
    family, alone = ClusterEnv("random-2", reward="saving"), ClusterEnv(f"random-2x{2 * BLOCK + 3}", reward="saving")
    options = {"split": "test", "episode": 3}
    np.testing.assert_array_equal(family.reset(options=options)[0], alone.reset(options=options)[0])
    for action in np.random.default_rng(0).integers(0, 4, (50, 2)):
        ours, theirs = family.step(action), alone.step(action)
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1:] == theirs[1:]


def test_a_batch_plays_members_each_with_its_own_parameters() -> None:
    batch = FleetVecEnv("random-2", 3, seed=4, reward="saving", bank=5)
    observations = batch.reset()
    episodes = batch._episodes
    for b, slot in enumerate(batch._slots):
        alone = ClusterEnv(f"random-2x{episodes.numbers[slot]}", reward="saving")  # type: ignore[attr-defined]
        options = {"split": "train", "episode": episodes.numbers[slot]}  # type: ignore[attr-defined]
        np.testing.assert_array_equal(observations[b], alone.reset(options=options)[0])
    slots = list(batch._slots)
    singles = [ClusterEnv(f"random-2x{episodes.numbers[slot]}", reward="saving") for slot in slots]  # type: ignore[attr-defined]
    for single, slot in zip(singles, slots, strict=True):
        single.reset(options={"split": "train", "episode": episodes.numbers[slot]})  # type: ignore[attr-defined]
    for actions in np.random.default_rng(0).integers(0, 4, (40, 3, 2)):
        seen, rewards, _, _ = batch.step(actions)
        for b, single in enumerate(singles):
            observation, reward, *_ = single.step(actions[b])
            np.testing.assert_array_equal(seen[b], observation)
            assert rewards[b] == np.float32(reward)


def test_a_finished_member_is_followed_by_another() -> None:
    batch = FleetVecEnv("random-2", 2, seed=0, reward="shaped", bank=4)
    batch.reset()
    played = [set(batch._slots)]
    for _ in range(2):
        for _ in range(batch.scenario.n_steps // 168):
            _, _, dones, infos = batch.step_held(np.full((2, 2), 2), 168)
        assert dones.all()
        assert all(abs(info["saving"]) < 1e-9 for info in infos), "running all on arrival saves nothing"
        played.append(set(batch._slots))
    assert len(set.union(*played)) > 2


def test_what_needs_one_scenario_refuses_the_family() -> None:
    with pytest.raises(ConfigError, match="random-2x0"):
        ClusterVectorEnv("random-2", 2)
    with pytest.raises(ConfigError, match="random-2x0"):
        ClusterEnv("random-2", bank=EpisodeBank.drawn(load_scenario("toy"), range(1)))
