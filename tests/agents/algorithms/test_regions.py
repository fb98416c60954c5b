"""One network for any region: how it is trained, kept and played."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from wattward.agents import load_policy
from wattward.agents.inference.checkpoint import read_policy
from wattward.agents.learners.buffers import RegionReplayBuffer
from wattward.agents.learners.region_env import RegionVecEnv
from wattward.agents.learners.value_learners import SummedDQN
from wattward.agents.registry import load_agent
from wattward.agents.training import environments, models
from wattward.configs import ConfigError, load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv
from wattward.envs.policy.region_views import region_views
from wattward.experiments.training.train import train_agent

AGENTS = ("ppo-shared", "dqn-regions")
STEPS = {"ppo-shared": 768, "dqn-regions": 4512}


def trained(agent: str, out: Path, seed: int = 0) -> Path:
    return train_agent(agent, "toy", seed, out=out, total_steps=STEPS[agent])


@pytest.fixture(scope="module", params=AGENTS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(request.param, tmp_path_factory.mktemp("runs"))


def test_a_region_is_an_environment() -> None:
    fleet, regions = FleetVecEnv("toy", 3, seed=4), RegionVecEnv(FleetVecEnv("toy", 3, seed=4))
    assert regions.num_envs == 6
    np.testing.assert_array_equal(regions.reset(), region_views(fleet.reset(), 2).reshape(6, -1))
    rng = np.random.default_rng(0)
    for _ in range(30):
        modes = rng.integers(4, size=(3, 2))
        seen, rewards, dones, infos = regions.step(modes.ravel())
        expected, of_all, ended, facts = fleet.step(modes)
        np.testing.assert_array_equal(seen, region_views(expected, 2).reshape(6, -1))
        np.testing.assert_array_equal(rewards, of_all.repeat(2))
        np.testing.assert_array_equal(dones, ended.repeat(2))
        for place in np.flatnonzero(dones):
            assert infos[place]["kpis"] == facts[place // 2]["kpis"]
            last = region_views(facts[place // 2]["terminal_observation"], 2)[place % 2]
            np.testing.assert_array_equal(infos[place]["terminal_observation"], last)


def test_a_held_decision_is_held_by_all_regions() -> None:
    one, held = (RegionVecEnv(FleetVecEnv("toy", 2, seed=1)) for _ in range(2))
    one.reset()
    held.reset()
    modes = np.array([0, 3, 1, 2])
    rewards = sum(one.step(modes)[1] for _ in range(4))
    np.testing.assert_allclose(held.step_held(modes, 4)[1], rewards, rtol=1e-5)


def test_stores_go_by_the_rule() -> None:
    regions = RegionVecEnv(FleetVecEnv("jinshuitan-microgrid", 1, seed=0))
    fleet = FleetVecEnv("jinshuitan-microgrid", 1, seed=0)
    regions.reset()
    fleet.reset()
    for _ in range(8):
        views, rewards, _, _ = regions.step(np.array([2, 3]))
        observations, expected, _, _ = fleet.step(np.array([[2, 3, 0]]))
        np.testing.assert_array_equal(views, region_views(np.asarray(observations), 2)[0])
        np.testing.assert_array_equal(rewards, expected.repeat(2))


def test_it_acts_as_the_trained_model_does(folder: Path) -> None:
    manifest, tensors = read_policy(folder)
    settings, scenario = load_agent(manifest.agent, "toy"), load_scenario("toy")
    env = environments.make_env(scenario, settings, 0)
    model = models.make_model(settings, env, 1, episode_steps=scenario.n_steps)
    models.restore(settings, model, tensors, {})
    size = ClusterEnv("toy").observation_space.shape[0]
    observations = np.random.default_rng(0).normal(size=(200, size)).astype(np.float32)
    views = region_views(observations, 2)
    expected = model.predict(views.reshape(400, -1), deterministic=True)[0]
    policy = load_policy(folder)
    assert manifest.action_layout == "region" and manifest.observation_size == views.shape[-1]
    np.testing.assert_array_equal([policy._choose(row) for row in observations], expected.reshape(200, 2))
    env.close()


def test_it_plays_any_number_of_regions(folder: Path) -> None:
    toy = load_scenario("toy")
    third = toy.regions[1].model_copy(update={"name": "third"})
    (batch,) = toy.job_classes
    classes = (batch.model_copy(update={"jobs_per_day": (12.0, 12.0, 12.0)}),)
    env = ClusterEnv(toy.model_copy(update={"regions": (*toy.regions, third), "job_classes": classes}))
    policy = load_policy(folder)
    env.reset(seed=0)
    policy.reset(env.outlook(), np.random.default_rng(0))
    done = False
    while not done:
        modes = policy.act(env.outlook())
        assert modes.shape == (3,) and set(modes.tolist()) <= {0, 1, 2, 3}
        done = env.step(modes)[2]


def test_regions_with_other_fields_are_refused(folder: Path) -> None:
    env = ClusterEnv("zhejiang-xinjiang")
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=r"trained on scenario 'toy' with .* observed numbers, this one has"):
        load_policy(folder).reset(env.outlook(), np.random.default_rng(0))


def test_loading_and_playing_need_no_torch(folder: Path) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path; from wattward.agents import load_policy;"
        "from wattward.envs.interfaces.cluster_env import ClusterEnv; e = ClusterEnv('toy'); e.reset(seed=0);"
        f"p = load_policy(Path({str(folder)!r})); p.reset(e.outlook(), np.random.default_rng(0)); p.act(e.outlook());"
        "print(sorted({'torch', 'stable_baselines3', 'pettingzoo'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=120) == "[]\n"


@pytest.mark.parametrize("agent", AGENTS)
def test_one_seed_gives_the_same_weights(agent: str, tmp_path: Path) -> None:
    a, b, other = (
        read_policy(trained(agent, tmp_path / name, seed))[1] for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        np.testing.assert_array_equal(tensor, b[name])
    assert any((tensor != other[name]).any() for name, tensor in a.items())


@pytest.fixture
def summed_model() -> SummedDQN:
    settings, scenario = load_agent("dqn-regions", "toy"), load_scenario("toy")
    model = models.make_model(settings, environments.make_env(scenario, settings, 0), 0, episode_steps=scenario.n_steps)
    assert isinstance(model, SummedDQN)
    return model


def test_batches_hold_whole_decisions(summed_model: SummedDQN) -> None:
    buffer = summed_model.replay_buffer
    assert isinstance(buffer, RegionReplayBuffer) and (buffer.n_regions, buffer.n_envs) == (2, 32)
    rng = np.random.default_rng(0)
    for step in range(20):
        views = rng.normal(size=(32, *buffer.obs_shape)).astype(np.float32)
        views[:, 0], views[:, 1], views[:, 2] = step, np.arange(32) // 2, np.arange(32) % 2
        buffer.add(views, views, np.zeros((32, 1)), np.zeros(32), np.zeros(32), [{} for _ in range(32)])
    for batch in buffer.sample_batches(51, 3):
        rows = batch.observations.numpy().reshape(25, 2, -1)
        assert (rows[:, 0, :2] == rows[:, 1, :2]).all()
        np.testing.assert_array_equal(rows[:, :, 2], np.tile([0.0, 1.0], (25, 1)))
        assert len(np.unique(rows[:, 0, 0])) > 5


def test_the_sum_over_regions_is_fitted_to_the_return(summed_model: SummedDQN) -> None:
    size = summed_model.observation_space.shape[0]  # type: ignore[index]
    generator = torch.Generator().manual_seed(0)
    seen, following = (torch.randn((4, size), generator=generator) for _ in range(2))
    actions, dones = torch.tensor([[0], [3], [1], [2]]), torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    rewards, discounts = torch.tensor([[5.0], [5.0], [-1.0], [-1.0]]), torch.full((4, 1), 0.9)
    batch = ReplayBufferSamples(seen, actions, following, dones, rewards, discounts)
    with torch.no_grad():
        values = summed_model.q_net.q_net(seen).gather(1, actions).reshape(2, 2).sum(dim=1)
        best = summed_model.q_net_target.q_net(following).max(dim=1).values.reshape(2, 2).sum(dim=1)
        expected = torch.nn.functional.smooth_l1_loss(values, torch.tensor([5.0 + 0.9 * best[0], -1.0]))
        assert summed_model._loss(batch).item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_sum_needs_regions() -> None:
    settings = load_agent("dqn-regions", "toy").model_dump()
    with pytest.raises(ValidationError, match="mixing 'sum' needs layout 'region', got 'flat'"):
        type(load_agent("dqn-regions", "toy")).model_validate({**settings, "layout": "flat"})


def test_flat_settings_are_written_as_before() -> None:
    assert not {"layout", "mixing"} & load_agent("dqn", "toy").model_dump().keys()
    assert load_agent("dqn-regions", "toy").model_dump()["layout"] == "region"
