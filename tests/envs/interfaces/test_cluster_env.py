from __future__ import annotations

import copy
import hashlib
import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_for_sb3

from wattward.configs import ConfigError
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.registration import ENVIRONMENTS
from wattward.envs.model.observation import FIELDS, field_table
from wattward.envs.model.types import COST_TERMS

ALLOWED_WARNINGS: dict[str, tuple[str, ...]] = {"gymnasium": (), "sb3": ()}
GOLDEN = {
    "wattward/ZhejiangXinjiang-v1": "893625c6685c8a68",
    "wattward/ZhejiangXinjiang2024-v1": "736ec35d1088ccb6",
    "wattward/Toy-v1": "9023a17506862b47",
    "wattward/FollowTheSun-v1": "dcbf0cbd7d9ee1e7",
    "wattward/JinshuitanMicrogrid-v1": "9606dc3055142651",
    "wattward/PinghuChilledWater-v1": "c4a5a5a5e0eaaa99",
    "wattward/QingyangGreen-v1": "01c57a583f1e768e",
    "wattward/ShanghaiGridEvent-v1": "d856efdb2dfb03df",
    "wattward/EightHubs-v1": "640b0cc76588416b",
    "wattward/WesternHubsDirectSupply-v1": "85abfe148cc21729",
}


def rollout(env: gymnasium.Env[Any, Any], seed: int, steps: int) -> str:
    """A hash of observations, rewards and bills under random actions."""
    rng, digest = np.random.default_rng(seed), hashlib.sha256()
    observation, _ = env.reset(seed=seed)
    for _ in range(steps):
        modes = rng.integers(0, 4, env.action_space.shape)
        digest.update(np.round(observation.astype(np.float64), 4).tobytes())
        observation, reward, over, _, info = env.step(modes)
        digest.update(f"{reward:.6f} {info['total_cost']:.4f}".encode())
        if over:
            observation, _ = env.reset()
    return digest.hexdigest()[:16]


def surprises(caught: list[warnings.WarningMessage], tool: str) -> list[str]:
    return [str(w.message) for w in caught if not any(text in str(w.message) for text in ALLOWED_WARNINGS[tool])]


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_gymnasium_checker_passes(env_id: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(gymnasium.make(env_id).unwrapped, skip_render_check=True)
    assert surprises(caught, "gymnasium") == []


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_sb3_checker_passes(env_id: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_for_sb3(gymnasium.make(env_id).unwrapped)
    assert surprises(caught, "sb3") == []


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_one_seed_gives_one_trajectory(env_id: str) -> None:
    one, other = gymnasium.make(env_id), gymnasium.make(env_id)
    assert rollout(one, 5, 60) == rollout(other, 5, 60)
    assert rollout(one, 5, 60) != rollout(one, 6, 60)


def test_another_process_gives_the_same_trajectory() -> None:
    program = (
        "import gymnasium, wattward, numpy as np\n"
        "env = gymnasium.make('wattward/ZhejiangXinjiang-v1')\n"
        "obs, _ = env.reset(seed=11)\n"
        "rng, out = np.random.default_rng(0), []\n"
        "for _ in range(20):\n"
        "    obs, reward, *_ = env.step(rng.integers(0, 4, 2))\n"
        "    out.append((float(obs.sum()), float(reward)))\n"
        "import sys; sys.stdout.write(repr(out))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=_env(salt)
        ).stdout
        for salt in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) > 400


def _env(salt: str) -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONHASHSEED": salt}


@pytest.fixture(scope="module")
def env() -> ClusterEnv:
    return ClusterEnv("zhejiang-xinjiang")


def test_an_episode_ends_on_time_with_its_bills(env: ClusterEnv) -> None:
    env.reset(options={"split": "validation", "episode": 1})
    paid, over, steps = 0.0, False, 0
    while not over:
        _, reward, over, truncated, info = env.step(np.array([2, 2]))
        assert info["total_cost"] == pytest.approx(sum(info[term] for term in COST_TERMS))
        assert reward == pytest.approx(-info["total_cost"] / env.params.reference_cost_per_step[0])
        assert not truncated
        assert ("kpis" in info) == over
        paid, steps = paid + info["total_cost"], steps + 1
    assert steps == env.scenario.n_steps == 672
    assert info["kpis"]["total_cost"] == pytest.approx(paid)
    assert 0.0 < info["kpis"]["green_share"] < 1.0
    with pytest.raises(ValueError, match=r"call reset\(\)"):
        env.step(np.array([2, 2]))


def test_saving_reward_is_zero_when_all_runs_on_arrival() -> None:
    env = ClusterEnv("zhejiang-xinjiang", reward="saving")
    env.reset(seed=0)
    rewards = [env.step(np.array([2, 2]))[1] for _ in range(200)]
    assert rewards == [0.0] * 200
    env.reset(seed=0)
    rewards = [env.step(np.array([0, 0]))[1] for _ in range(200)]
    assert min(rewards) < 0.0 < max(rewards)


def test_named_fields_agree_with_the_outlook(env: ClusterEnv) -> None:
    env.reset(options={"split": "train", "episode": 7})
    for _ in range(50):
        env.step(np.array([1, 3]))
    fields, outlook = env.fields, env.outlook()
    assert set(fields) == {field.name for field in FIELDS if field.group != "extra"}
    assert sum(view.size for view in fields.values()) == env.observation_space.shape[0]
    scale = (fields["price"][:, 0] + 1.0) / outlook.price_per_kwh
    assert scale[0] == pytest.approx(scale[1], rel=1e-5)
    fleet = outlook.fleet_gpus
    np.testing.assert_allclose(fields["interactive"][:, 0], outlook.interactive_forecast_gpus[0] / fleet, rtol=1e-5)
    np.testing.assert_allclose(fields["locked"][:, 0], outlook.locked_gpus / fleet, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.expm1(fields["queue"]).sum(axis=1), outlook.queue_gpu_h / fleet, rtol=1e-4, atol=1e-5)
    ahead = outlook.interactive_forecast_gpus[1:5].mean(axis=0) / fleet
    np.testing.assert_allclose(fields["interactive_ahead"][:, 0], ahead, rtol=1e-5)
    surplus = np.minimum(2.0, outlook.surplus_forecast_gpus / fleet)
    np.testing.assert_allclose(fields["surplus_ahead"][:, -1], surplus[85:97].mean(axis=0), rtol=1e-4, atol=1e-6)
    now = outlook.price_per_kwh
    later = outlook.price_forecast_per_kwh[1:]
    rank = ((later < now) + 0.5 * (later == now)).mean(axis=0)
    np.testing.assert_allclose(fields["price_rank"][:, 0], rank, rtol=1e-5)


def test_the_field_table_names_every_field() -> None:
    assert all(f"`{field.name}`" in field_table() for field in FIELDS)


def test_deepcopy_and_restore_continue_alike(env: ClusterEnv) -> None:
    env.reset(seed=3)
    for _ in range(30):
        env.step(np.array([2, 1]))
    snapshot, twin = env.save(), copy.deepcopy(env)
    actions = np.random.default_rng(0).integers(0, 4, (40, 2))
    mine = [env.step(a) for a in actions]
    theirs = [twin.step(a) for a in actions]
    env.restore(snapshot)
    again = [env.step(a) for a in actions]
    for a, b, c in zip(mine, theirs, again, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[0], c[0])
        assert a[1] == b[1] == c[1]


def test_shares_generalise_modes() -> None:
    by_modes, by_shares = ClusterEnv("zhejiang-xinjiang"), ClusterEnv("zhejiang-xinjiang", action="shares")
    by_modes.reset(seed=9)
    by_shares.reset(seed=9)
    as_shares = {0: (0.0, 0.0), 2: (1.0, 0.0), 3: (1.0, 1.0)}
    for modes in np.random.default_rng(1).choice([0, 2, 3], (100, 2)):
        one = by_modes.step(modes)
        other = by_shares.step(np.array([as_shares[int(mode)] for mode in modes]))
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1] == other[1]


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown scenario 'zhejiang-xinjang'; did you mean zhejiang-xinjiang"):
        ClusterEnv("zhejiang-xinjang")
    with pytest.raises(ValueError, match="split = 'exam': must be one of 'train', 'validation', 'test'"):
        ClusterEnv("toy", split="exam")
    env = ClusterEnv("toy")
    with pytest.raises(ValueError, match="options may hold"):
        env.reset(options={"epsiode": 1})
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action must have shape \(2,\)"):
        env.step(np.array([1, 1, 1]))
    with pytest.raises(ValueError, match=r"modes must lie in 0\.\.3"):
        env.step(np.array([1, 7]))


def test_trajectories_are_those_of_this_version() -> None:
    """A changed hash is a new version of the environment: a new id, a line in the changelog and a new hash here."""
    assert {env_id: rollout(gymnasium.make(env_id), 2026, 150) for env_id in ENVIRONMENTS} == GOLDEN
