from __future__ import annotations

import copy

import numpy as np
import pytest

from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.envs.kernels.codes import RewardKind


def played(kind: RewardKind, modes: np.ndarray, scenario: str = "toy") -> tuple[np.ndarray, dict[str, float]]:
    """Rewards of validation episode 4 under given modes, and its KPIs."""
    env, rewards, info = ClusterEnv(scenario, split="validation", reward=kind), [], {}
    env.reset(options={"split": "validation", "episode": 4})
    for step_modes in modes:
        _, reward, _, _, info = env.step(step_modes)
        rewards.append(reward)
    return np.array(rewards), info["kpis"]


@pytest.fixture(scope="module")
def modes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, size=(24, 2))


def test_an_episodes_shaped_rewards_sum_to_its_saving(modes: np.ndarray) -> None:
    saving, shaped = (played(kind, modes)[0] for kind in ("saving", "shaped"))
    assert shaped.sum() == pytest.approx(saving.sum(), rel=1e-9)
    assert np.abs(shaped - saving).max() > 0.01


def test_saving_is_the_cost_of_running_on_arrival_less_the_cost(modes: np.ndarray) -> None:
    cost, saving = (played(kind, modes)[0] for kind in ("cost", "saving"))
    on_arrival = played("cost", np.full((24, 2), 2))[0]
    np.testing.assert_allclose(saving, cost - on_arrival, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["saving", "shaped"])
def test_running_on_arrival_earns_nothing(kind: RewardKind) -> None:
    assert np.abs(played(kind, np.full((24, 2), 2))[0]).max() < 1e-9


def test_holding_work_earns_nothing_by_itself() -> None:
    saving, shaped = (played(kind, np.zeros((24, 2), dtype=np.int64))[0] for kind in ("saving", "shaped"))
    assert shaped[:6].sum() < saving[:6].sum()


def test_shaped_rewards_are_the_same_in_a_fleet_and_after_a_copy() -> None:
    fleet = FleetVecEnv("toy", 3, seed=1, reward="shaped")
    fleet.reset()
    single = ClusterEnv("toy", reward="shaped")
    single.reset()
    number = int(np.random.default_rng(np.random.SeedSequence(1).spawn(1)[0]).integers(2**31))
    single.reset(options={"episode": number})
    pull = np.full(2, 3)
    for step in range(24):
        if step == 10:
            single = copy.deepcopy(single)
        if step == 15:
            snapshot = single.save()
            single.step(np.zeros(2, dtype=np.int64))
            single.restore(snapshot)
        _, rewards, _, _ = fleet.step(np.stack([pull] * 3))
        assert single.step(pull)[1] == pytest.approx(float(rewards[0]), rel=1e-6, abs=1e-7)
