from __future__ import annotations

import numpy as np
import pytest

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.envs.world.draw import draw
from wattward.envs.world.splits import episode_seed


def test_each_environment_of_the_batch_is_the_single_one() -> None:
    batch = FleetVecEnv("zhejiang-xinjiang", 3, seed=4)
    observations = batch.reset()
    numbers = [int(np.random.default_rng(s).integers(2**31)) for s in np.random.SeedSequence(4).spawn(3)]
    singles = [ClusterEnv("zhejiang-xinjiang", reward="saving") for _ in range(3)]
    for b, single in enumerate(singles):
        single.start(draw(single.scenario, episode_seed("train", numbers[b])))
        np.testing.assert_array_equal(single.outlook().observation, observations[b])
    rng = np.random.default_rng(0)
    for _ in range(60):
        modes = rng.integers(0, 4, (3, 2))
        observations, rewards, dones, _ = batch.step(modes)
        for b, single in enumerate(singles):
            observation, reward, over, _, _ = single.step(modes[b])
            np.testing.assert_array_equal(observation, observations[b])
            assert rewards[b] == np.float32(reward)
            assert dones[b] == over


def test_an_ended_episode_reports_and_is_followed_by_another() -> None:
    batch = FleetVecEnv("toy", 2, seed=0)
    first = batch.reset()
    steps = batch.scenario.n_steps
    for t in range(steps):
        observations, _, dones, infos = batch.step(np.full((2, 2), 2))
        assert dones.all() == (t == steps - 1)
    assert {"episode", "kpis", "saving", "terminal_observation"} <= set(infos[0])
    assert infos[0]["saving"] == pytest.approx(0.0, abs=1e-12)
    assert infos[0]["episode"]["l"] == steps
    assert not np.array_equal(infos[0]["terminal_observation"], observations[0])
    assert observations.shape == first.shape


def test_joint_actions_play_the_same_as_modes() -> None:
    separate, joint = FleetVecEnv("toy", 2, seed=1), FleetVecEnv("toy", 2, seed=1, action="joint")
    separate.reset()
    joint.reset()
    for action in range(16):
        a = separate.step(np.array([[action // 4, action % 4]] * 2))
        b = joint.step(np.array([action] * 2))
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def test_single_environments_cannot_be_set() -> None:
    with pytest.raises(AttributeError, match="cannot set 'reward'"):
        FleetVecEnv("toy", 1, seed=0).set_attr("reward", "cost")


def test_a_held_decision_is_its_steps() -> None:
    single, held = (FleetVecEnv("toy", 3, seed=2, reward="shaped") for _ in range(2))
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(single.reset(), held.reset())
    for _ in range(20):
        actions, total = rng.integers(0, 4, (3, 2)), np.zeros(3)
        for _ in range(5):
            observations, rewards, dones, infos = single.step(actions)
            total += rewards
            if dones.any():
                break
        together = held.step_held(actions, 5)
        np.testing.assert_array_equal(together[0], observations)
        np.testing.assert_array_equal(together[1], total.astype(np.float32))
        np.testing.assert_array_equal(together[2], dones)
        assert [info.get("kpis") for info in together[3]] == [info.get("kpis") for info in infos]


def test_a_wrong_action_is_named() -> None:
    batch = FleetVecEnv("toy", 2, seed=0)
    batch.reset()
    with pytest.raises(ValueError, match=r"modes must lie in 0\.\.3, got \[0, 9\]"):
        batch.step(np.array([[0, 0], [0, 9]]))
