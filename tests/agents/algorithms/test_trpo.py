"""TRPO, which is one Python file and one YAML: trained, kept and played like any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wattward.agents import load_agent, load_policy
from wattward.agents.inference.checkpoint import read_optimizer, read_policy
from wattward.agents.training import environments, models
from wattward.configs import ConfigError, load_scenario
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.experiments.training.train import train_agent

TOY = load_scenario("toy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_agent("trpo", "toy", 0, out=tmp_path_factory.mktemp("runs"), total_steps=3840)


def test_its_checkpoint_plays_what_the_model_decides(folder: Path) -> None:
    manifest, tensors = read_policy(folder)
    assert (manifest.algorithm, manifest.action_layout) == ("trpo", "modes")
    settings = load_agent("trpo", "toy")
    model = models.make_model(settings, environments.make_env(TOY, settings, 1), 1, episode_steps=TOY.n_steps)
    models.restore(settings, model, tensors, {})
    env, policy = ClusterEnv(TOY, split="validation"), load_policy(folder)
    env.reset(options={"episode": 0})
    policy.reset(env.outlook(), np.random.default_rng(0))
    done = False
    while not done:
        modes, observation = policy.act(env.outlook()), env.outlook().observation
        np.testing.assert_array_equal(modes, model.predict(observation, deterministic=True)[0])
        _, _, done, _, _ = env.step(modes)
    assert env.kpis()["work_gpu_h"] > 0.0


def test_training_changes_actor_and_critic_and_can_go_on(folder: Path) -> None:
    settings = load_agent("trpo", "toy")
    model = models.make_model(settings, environments.make_env(TOY, settings, 0), 0, episode_steps=TOY.n_steps)
    first = models.policy_tensors(model)
    last = max(folder.parent.glob("step-*"))
    manifest, trained = read_policy(last)
    for name in ("action_net.weight", "value_net.weight", "mlp_extractor.policy_net.0.weight"):
        assert (first[name] != trained[name]).any(), name
    kept = read_optimizer(last)
    models.restore(settings, model, trained, kept, steps_done=manifest.steps_done, updates_done=manifest.updates_done)
    back = models.optimizer_tensors(settings, model)
    assert back.keys() == kept.keys() and all((back[name] == kept[name]).all() for name in kept)


def test_loading_needs_no_torch(folder: Path, loads_without_torch: Callable[[Path], bool]) -> None:
    assert loads_without_torch(folder)


def test_without_sb3_contrib_it_says_what_to_install(without: Callable[[str, str], None]) -> None:
    settings = load_agent("trpo", "toy")
    env = environments.make_env(TOY, settings, 0)
    without("sb3_contrib", "sb3_contrib")
    with pytest.raises(ConfigError, match=r"'trpo' needs sb3-contrib: pip install 'wattward\[more\]'"):
        models.make_model(settings, env, 0, episode_steps=TOY.n_steps)
