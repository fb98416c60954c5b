from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from wattward.agents import load_policy
from wattward.agents.algorithms.ppo import PPOSettings
from wattward.agents.inference.checkpoint import read_manifest, read_policy, write
from wattward.agents.inference.networks import Perceptron
from wattward.agents.inference.policy import LearnedPolicy
from wattward.agents.networks.region_network import RegionsPolicy
from wattward.agents.registry import load_agent
from wattward.agents.training import environments
from wattward.configs import ConfigError, load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.model.observation import N_CLOCK
from wattward.envs.policy.observer import Observer
from wattward.experiments.training.train import train_agent

AGENT = "ppo-regions"
WIDTH = 5


def policy(n_regions: int, activation: type[torch.nn.Module] = torch.nn.Tanh) -> RegionsPolicy:
    torch.manual_seed(0)
    observed = spaces.Box(-9.0, 9.0, (N_CLOCK + n_regions * WIDTH,), np.float32)
    choices = spaces.MultiDiscrete([4] * n_regions)
    made = RegionsPolicy(observed, choices, lambda _: 1e-3, net_arch=[16, 8], activation_fn=activation)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made


def observations(n_regions: int, seed: int = 0) -> torch.Tensor:
    drawn = np.random.default_rng(seed).normal(size=(32, N_CLOCK + n_regions * WIDTH))
    return torch.from_numpy(drawn.astype(np.float32))


@settings(max_examples=30, deadline=None)
@given(order=st.integers(1, 6).flatmap(lambda n: st.permutations(range(n))), seed=st.integers(0, 999))
def test_permuting_regions_permutes_modes_and_leaves_the_value(order: list[int], seed: int) -> None:
    made, observed = policy(len(order)), observations(len(order), seed)
    blocks = observed[:, N_CLOCK:].unflatten(1, (len(order), WIDTH))
    permuted = torch.cat([observed[:, :N_CLOCK], blocks[:, order].flatten(1)], dim=1)
    modes, values, log_probs = made(observed, deterministic=True)
    its_modes, its_values, its_log_probs = made(permuted, deterministic=True)
    latent, its_latent = (made.mlp_extractor.forward_actor(x) for x in (observed, permuted))
    torch.testing.assert_close(its_latent, latent[:, order])
    torch.testing.assert_close(made._log_probs(its_latent), made._log_probs(latent)[:, order])
    torch.testing.assert_close(its_values, values)
    torch.testing.assert_close(its_log_probs, log_probs)
    assert (its_modes == modes[:, order]).float().mean() > 0.99


def test_one_set_of_weights_serves_any_number_of_regions() -> None:
    small, large = policy(2), policy(7)
    large.load_state_dict(small.state_dict())
    two = observations(2)
    blocks = two[:, N_CLOCK:].unflatten(1, (2, WIDTH))
    # mean and maximum of three copies of two regions are those of the two
    six = torch.cat([two[:, :N_CLOCK], blocks.repeat(1, 3, 1).flatten(1)], dim=1)
    three_times = policy(6)
    three_times.load_state_dict(small.state_dict())
    torch.testing.assert_close(three_times.predict_values(six), small.predict_values(two))
    latent = three_times.mlp_extractor.forward_actor(six)
    torch.testing.assert_close(latent, small.mlp_extractor.forward_actor(two).repeat(1, 3, 1))


def test_log_probabilities_and_gradients_are_those_of_stock_distributions() -> None:
    made, observed = policy(3), observations(3)
    modes, values, log_probs = made(observed)
    stock = made.get_distribution(observed)
    torch.testing.assert_close(stock.log_prob(modes), log_probs)
    again, its_log_probs, entropy = made.evaluate_actions(observed, modes)
    assert entropy is not None
    torch.testing.assert_close((again, its_log_probs, entropy), (values, log_probs, stock.entropy()))
    torch.autograd.backward(again.mean() + its_log_probs.mean() + entropy.mean())
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in made.parameters())


def test_blocks_of_unequal_width_are_refused() -> None:
    observed = spaces.Box(-9.0, 9.0, (N_CLOCK + 11,), np.float32)
    with pytest.raises(ConfigError, match=r"observation of 18 numbers: must be 7 of the clock and equal blocks of 2"):
        RegionsPolicy(observed, spaces.MultiDiscrete([4, 4]), lambda _: 1e-3, net_arch=[8])


def test_flat_settings_are_written_down_as_before() -> None:
    flat, regions = load_agent("ppo", "toy"), load_agent(AGENT, "toy")
    assert "network" not in flat.model_dump(mode="json")
    assert regions.model_dump(mode="json")["network"] == "regions"
    assert isinstance(regions, PPOSettings)
    assert PPOSettings.model_validate({**regions.model_dump(), "network": "flat"}) == flat


def test_stores_that_actions_order_are_refused_in_training() -> None:
    microgrid = load_scenario("jinshuitan-microgrid")
    with pytest.raises(ConfigError, match=r"jinshuitan-microgrid: network = 'regions': orders no stores"):
        environments.make_env(microgrid, load_agent(AGENT, "jinshuitan-microgrid"), 0, num_envs=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    few = {"num_envs": 2, "n_steps": 24, "total_steps": 48, "batch_size": 24, "bank_episodes": 2, "net_arch": [32, 32]}
    settings_file = runs / f"{AGENT}.yaml"
    made = load_agent(AGENT, "zhejiang-xinjiang").model_dump(mode="json") | few | {"validations": 0}
    settings_file.write_text(json.dumps({"default": made}), encoding="utf-8")
    return train_agent(str(settings_file), "zhejiang-xinjiang", 0, out=runs)


def test_the_manifest_says_which_network_it_is(folder: Path) -> None:
    assert read_manifest(folder).network == "regions"
    assert '"network": "regions"' in (folder / "checkpoint.json").read_text(encoding="utf-8")
    assert read_manifest(folder).settings["network"] == "regions"


@pytest.mark.parametrize("n_regions", [1, 2, 5])
def test_numpy_acts_as_torch_does(folder: Path, n_regions: int) -> None:
    _, tensors = read_policy(folder)
    scenario = load_scenario(f"random-{n_regions}x0")
    size = Observer(scenario).size
    kwargs = {"net_arch": [32, 32], "activation_fn": torch.nn.ReLU}
    observed = spaces.Box(-9.0, 9.0, (size,), np.float32)
    model = RegionsPolicy(observed, spaces.MultiDiscrete([4] * n_regions), lambda _: 1e-3, **kwargs)
    model.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()})
    drawn = np.random.default_rng(0).normal(size=(200, size)).astype(np.float32)
    ours = load_policy(folder)
    with torch.no_grad():
        logits = model.action_net(model.mlp_extractor.forward_actor(torch.from_numpy(drawn))).numpy()
    np.testing.assert_allclose(ours._network(drawn), logits, rtol=1e-4, atol=1e-5)
    expected = model.predict(drawn, deterministic=True)[0]
    np.testing.assert_array_equal(ours._choose(drawn), expected)
    np.testing.assert_array_equal(np.array([ours._choose(row) for row in drawn]), expected)


@pytest.mark.parametrize("scenario", ["random-1x0", "zhejiang-xinjiang", "eight-hubs"])
def test_it_plays_scenarios_of_any_number_of_regions(folder: Path, scenario: str) -> None:
    env = ClusterEnv(scenario)
    env.reset(options={"split": "validation", "episode": 0})
    method = load_policy(folder)
    method.reset(env.outlook(), np.random.default_rng(0))
    for _ in range(24):
        modes = method.act(env.outlook())
        assert modes.shape == (env.scenario.n_regions,)
        assert env.action_space.contains(modes)
        env.step(modes)
    assert env.outlook().step == 24


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("western-hubs-direct-supply", "57 observed numbers a region, this one has 69"),
        ("toy", "57 observed numbers a region, this one has 45"),
        ("jinshuitan-microgrid", "0 stores to order, this one has"),
    ],
)
def test_other_blocks_and_stores_to_order_are_refused(folder: Path, scenario: str, words: str) -> None:
    env = ClusterEnv(scenario)
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=rf"PPO-REGIONS was trained on scenario 'zhejiang-xinjiang' with .*{words}"):
        load_policy(folder).reset(env.outlook(), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_regions": 3}, "the network has 57 inputs a region, the manifest needs 38"),
        ({"network": "flat"}, "the network has 96 inputs, the manifest needs 121"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    folder: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    manifest, tensors = read_policy(folder)
    write(tmp_path / "odd", manifest.model_copy(update=change), tensors)
    with pytest.raises(ConfigError, match=words):
        load_policy(tmp_path / "odd")


def test_a_checkpoint_without_its_encoder_is_refused(folder: Path, tmp_path: Path) -> None:
    manifest, tensors = read_policy(folder)
    kept = {name: tensor for name, tensor in tensors.items() if ".encoder." not in name}
    write(tmp_path / "bare", manifest, kept)
    with pytest.raises(ConfigError, match=r"no tensor whose name begins with 'mlp_extractor\.encoder\.'"):
        load_policy(tmp_path / "bare")


def test_loading_it_needs_no_torch(folder: Path, loads_without_torch: Callable[[Path], bool]) -> None:
    assert loads_without_torch(folder)


def test_a_flat_policy_of_a_scenario_with_stores_plays_it_and_no_other_number(folder: Path) -> None:
    env = ClusterEnv("jinshuitan-microgrid")
    env.reset(seed=0)
    size = env.outlook().observation.size
    entries = env.scenario.n_regions + env.scenario.n_stores
    network = Perceptron(
        [(np.zeros((4 * entries, size), dtype=np.float32), np.zeros(4 * entries, dtype=np.float32))], "relu"
    )
    made = {"network": "flat", "n_regions": entries, "observation_size": size}
    flat = LearnedPolicy(read_manifest(folder).model_copy(update=made), network)
    flat.reset(env.outlook(), np.random.default_rng(0))
    assert env.action_space.contains(flat.act(env.outlook()))
    other = LearnedPolicy(flat.manifest.model_copy(update={"n_regions": 2}), network)
    with pytest.raises(ConfigError, match="with 2 regions and stores to order, this one has 3"):
        other.reset(env.outlook(), np.random.default_rng(0))
