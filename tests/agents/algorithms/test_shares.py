"""Shares instead of modes: how they are stepped, learned by PPO and SAC, kept and played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from wattward.agents import load_policy
from wattward.agents.algorithms.ppo import PPOSettings
from wattward.agents.inference.checkpoint import read_optimizer, read_policy
from wattward.agents.inference.networks import Perceptron
from wattward.agents.inference.policy import LearnedPolicy
from wattward.agents.registry import load_agent
from wattward.agents.training import environments, models
from wattward.configs import ConfigError, load_scenario
from wattward.envs.decisions.action import Mode
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.envs.policy.orders import Orders
from wattward.envs.world.splits import choose
from wattward.experiments.training.train import train_agent

AGENTS = ("ppo-shares", "sac")
STEPS = {"ppo-shares": 768, "sac": 2560}


def trained(agent: str, out: Path) -> Path:
    return train_agent(agent, "toy", 0, out=out, total_steps=STEPS[agent], progress=False)


@pytest.fixture(scope="module", params=AGENTS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(request.param, tmp_path_factory.mktemp("runs"))


def test_an_environment_of_modes_takes_shares_too() -> None:
    one, other = ClusterEnv("zhejiang-xinjiang"), ClusterEnv("zhejiang-xinjiang", action="shares")
    assert (one.reset(seed=3)[0] == other.reset(seed=3)[0]).all()
    rng = np.random.default_rng(0)
    for _ in range(50):
        shares = rng.random((2, 2))
        mine, yours = one.step(shares), other.step(shares)
        assert (mine[0] == yours[0]).all() and mine[1:] == yours[1:]
    with pytest.raises(ValueError, match="shares must lie in"):
        one.step(np.full((2, 2), 1.5))


def test_many_environments_offer_shares_as_one_does() -> None:
    fleet, env = FleetVecEnv("toy", 2, seed=4, action="shares", reward="cost"), ClusterEnv("toy")
    number = choose(np.random.default_rng(np.random.SeedSequence(4).spawn(2)[0]))
    observation, _ = env.reset(options={"split": "train", "episode": number})
    np.testing.assert_array_equal(fleet.reset()[0], observation)
    rng = np.random.default_rng(1)
    for _ in range(5):
        shares = rng.random((2, 2, 2)).astype(np.float32)
        observations, rewards, _, _ = fleet.step_held(shares, 2)
        alone = [env.step(shares[0].astype(np.float64)) for _ in range(2)]
        paid = np.float32(alone[0][1]).astype(np.float64) + np.float32(alone[1][1])
        np.testing.assert_array_equal(observations[0], alone[-1][0])
        assert rewards[0] == np.float32(paid)


def test_pictures_show_the_mode_that_is_most_alike() -> None:
    env = ClusterEnv("toy")
    assert env.modes_alike(np.array([[0.2, 0.9], [0.8, 0.1]])).tolist() == [Mode.HOLD, Mode.RUN]
    assert env.modes_alike(np.array([0.9, 0.6, 0.4, 0.9])).tolist() == [Mode.PULL, Mode.HOLD]
    assert env.modes_alike(np.array([3, 1])).tolist() == [3, 1]
    assert env.modes_alike(np.int64(14)).tolist() == [3, 2]


def test_pictures_show_orders_by_what_most_work_does() -> None:
    """In the first step with jobs in one region only: they wait, run there, or run in the other region."""
    env = ClusterEnv("toy", action="jobs")
    env.reset(options={"split": "train", "episode": 0})
    while len(regions := set(env.outlook().jobs.region.tolist())) != 1:
        env.step(np.array([Mode.RUN, Mode.RUN]))
    (own,) = regions
    expected = {-1: (Mode.HOLD, Mode.HOLD), own: (Mode.RUN, Mode.HOLD), 1 - own: (Mode.HOLD, Mode.PULL)}
    for run_in, (here, there) in expected.items():
        for action in (np.full(64, run_in + 1), Orders(np.full(env.outlook().jobs.number.size, run_in))):
            modes = env.modes_alike(action).tolist()
            assert (modes[own], modes[1 - own]) == (here, there)
    with pytest.raises(ValueError, match="run_in must lie in"):
        env.modes_alike(Orders(np.full(env.outlook().jobs.number.size, 2)))


def test_the_policy_acts_as_the_model_does(folder: Path) -> None:
    manifest, tensors = read_policy(folder)
    settings, scenario = load_agent(manifest.agent, "toy"), load_scenario("toy")
    model = models.make_model(settings, environments.make_env(scenario, settings, 0), 0, episode_steps=scenario.n_steps)
    model.policy.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in tensors.items()})
    env, policy = ClusterEnv("toy"), load_policy(folder)
    env.reset(options={"split": "test", "episode": 0})
    policy.reset(env.outlook(), np.random.default_rng(0))
    for _ in range(5):
        shares = policy.act(env.outlook())
        wanted = np.clip(np.asarray(model.predict(env.outlook().observation, deterministic=True)[0]), 0.0, 1.0)
        np.testing.assert_allclose(shares.ravel(), wanted, atol=1e-5)
        env.step(shares)


def test_one_seed_gives_one_policy(folder: Path, tmp_path: Path) -> None:
    manifest, tensors = read_policy(folder)
    again = read_policy(trained(manifest.agent, tmp_path))[1]
    assert all((tensors[name] == again[name]).all() for name in tensors)


def test_loading_needs_no_torch(folder: Path, loads_without_torch: Callable[[Path], bool]) -> None:
    assert loads_without_torch(folder)


def test_all_optimizers_go_on_where_they_were(folder: Path) -> None:
    last = max(folder.parent.glob("step-*"))
    manifest, tensors = read_policy(last)
    settings, scenario = load_agent(manifest.agent, "toy"), load_scenario("toy")
    model = models.make_model(settings, environments.make_env(scenario, settings, 0), 0, episode_steps=scenario.n_steps)
    kept = read_optimizer(last)
    models.restore(settings, model, tensors, kept)
    back = models.optimizer_tensors(settings, model)
    assert set(back) == set(kept) and all((back[name] == kept[name]).all() for name in kept)


def test_shares_are_for_plain_ppo() -> None:
    settings = load_agent("ppo-shares", "toy").model_dump()
    with pytest.raises(ValidationError, match="action: 'shares' needs layout and network flat"):
        PPOSettings(**{**settings, "network": "regions"})


def test_stores_go_by_the_rule_where_actions_order_them(folder: Path) -> None:
    env = ClusterEnv("jinshuitan-microgrid", split="validation")
    size, n_regions = env.observation_space.shape[0], env.scenario.n_regions
    made = read_policy(folder)[0].model_copy(update={"observation_size": size, "n_regions": n_regions})
    weights = np.random.default_rng(0).normal(size=(2 * n_regions, size)).astype(np.float32)
    network = Perceptron([(weights, np.zeros(2 * n_regions, np.float32))], "relu")
    assert env.scenario.n_stores > 0
    policy = LearnedPolicy(made, network)
    env.reset(options={"episode": 0})
    policy.reset(env.outlook(), np.random.default_rng(0))
    shares = policy.act(env.outlook())
    assert shares.shape == (n_regions, 2)
    assert np.isfinite(env.step(shares)[1])
    other = LearnedPolicy(made.model_copy(update={"n_regions": n_regions + 1}), network)
    with pytest.raises(ConfigError, match=rf"with {n_regions + 1} regions, this one has {n_regions}"):
        other.reset(env.outlook(), np.random.default_rng(0))
