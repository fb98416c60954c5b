from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.agents import load_policy
from wattward.agents.inference.checkpoint import read_policy, write
from wattward.agents.inference.choosers import ModeChooser
from wattward.agents.inference.networks import Perceptron
from wattward.agents.inference.policy import LearnedPolicy, acting_network
from wattward.configs import ConfigError
from wattward.configs.loading.worlds import load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.params import make_params
from wattward.experiments.training.train import train_agent


@pytest.fixture(scope="module", params=["ppo", "maskable-ppo", "dqn", "qrdqn"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_agent(request.param, "toy", 0, out=tmp_path_factory.mktemp("runs"), total_steps=384)


def test_it_acts_as_the_trained_model_does(folder: Path) -> None:
    from wattward.agents.training import environments, models

    manifest, tensors = read_policy(folder)
    scenario = load_scenario("toy")
    from wattward.agents.registry import load_agent

    agent_settings = load_agent(manifest.agent, "toy")
    env = environments.make_env(scenario, agent_settings, 0)
    model = models.make_model(agent_settings, env, 1, episode_steps=scenario.n_steps)
    models.restore(agent_settings, model, tensors, {})
    observations = np.random.default_rng(0).normal(size=(200, manifest.observation_size)).astype(np.float32)
    expected = model.predict(observations, deterministic=True)[0]
    policy = load_policy(folder)
    modes = np.array([policy._choose(row) for row in observations])
    if manifest.action_layout == "joint":
        modes = modes @ (4 ** np.arange(scenario.n_regions - 1, -1, -1))
    np.testing.assert_array_equal(modes, expected)
    env.close()


def test_it_plays_an_episode(folder: Path) -> None:
    env = ClusterEnv("toy", split="validation")
    env.reset(seed=0)
    policy = load_policy(folder)
    policy.reset(env.outlook(), np.random.default_rng(0))
    assert policy.name in {"PPO", "MASKABLE-PPO", "DQN", "QRDQN"}
    done = False
    while not done:
        modes = policy.act(env.outlook())
        assert modes.shape == (2,) and modes.min() >= 0 and modes.max() <= 3
        np.testing.assert_array_equal(modes, policy.act(env.outlook()))
        _, _, done, _, _ = env.step(modes)


class Moment:
    """As much of an outlook as a learned policy reads."""

    n_regions = 2
    params = make_params(load_scenario("toy"))

    def __init__(self, step: int, observation: np.ndarray) -> None:
        self.step, self.observation = step, observation


def test_modes_are_held_as_in_training(folder: Path) -> None:
    manifest, tensors = read_policy(folder)
    manifest = manifest.model_copy(update={"action_repeat": 4})
    policy = LearnedPolicy(manifest, acting_network(manifest, tensors, folder))
    choose = load_policy(folder)._choose
    observations = np.random.default_rng(0).normal(size=(64, manifest.observation_size)).astype(np.float32)
    policy.reset(Moment(0, observations[0]), np.random.default_rng(0))  # type: ignore[arg-type]
    for step, observation in enumerate(observations):
        modes = policy.act(Moment(step, observation))  # type: ignore[arg-type]
        np.testing.assert_array_equal(modes, choose(observations[step - step % 4]))
        modes[:] = 9


@settings(max_examples=30)
@given(modes=st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_a_joint_action_is_base_four_with_region_zero_first(modes: list[int]) -> None:
    joint = int("".join(map(str, modes)), base=4)
    bias = np.zeros(4 ** len(modes), dtype=np.float32)
    bias[joint] = 1.0
    network = Perceptron([(np.zeros((bias.size, 1), dtype=np.float32), bias)], "relu")
    chooser = ModeChooser(network, len(modes), joint=True)
    assert chooser(np.zeros(1, dtype=np.float32)).tolist() == modes
    assert chooser(np.zeros((3, 1), dtype=np.float32)).tolist() == [modes] * 3


def test_a_policy_of_another_world_is_refused(folder: Path) -> None:
    manifest, _ = read_policy(folder)
    env = ClusterEnv("toy")
    env.reset(seed=0)
    network = Perceptron([(np.zeros((8, 3), dtype=np.float32), np.zeros(8, dtype=np.float32))], "relu")
    policy = LearnedPolicy(manifest.model_copy(update={"observation_size": 3}), network)
    with pytest.raises(ConfigError, match=r"trained on scenario 'toy' with 3 observed numbers"):
        policy.reset(env.outlook(), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"observation_sha256": "older"}, "laid out otherwise"),
        ({"observation_size": 3}, "inputs, the manifest needs 3"),
        ({"n_regions": 3}, "outputs, the manifest needs"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    folder: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    manifest, tensors = read_policy(folder)
    write(tmp_path / "odd", manifest.model_copy(update=change), tensors)
    with pytest.raises(ConfigError, match=words):
        load_policy(tmp_path / "odd")


def test_a_checkpoint_without_its_layers_is_refused(folder: Path, tmp_path: Path) -> None:
    manifest, tensors = read_policy(folder)
    write(tmp_path / "bare", manifest, {"other": tensors[next(iter(tensors))]})
    with pytest.raises(ConfigError, match="no tensor whose name begins with"):
        load_policy(tmp_path / "bare")


def test_loading_a_checkpoint_needs_no_torch(folder: Path, loads_without_torch: Callable[[Path], bool]) -> None:
    assert loads_without_torch(folder)
