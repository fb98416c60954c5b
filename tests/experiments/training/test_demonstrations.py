from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wattward import baselines
from wattward.agents.algorithms.ppo import PPOSettings
from wattward.agents.inference.checkpoint import read_policy
from wattward.agents.registry import load_agent
from wattward.configs import ConfigError, load_scenario
from wattward.configs.schema.agent import WarmStart
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.experiments.training.demonstrations import demonstrations, teacher
from wattward.experiments.training.train import train_agent

TOY = load_scenario("toy")


def settings_of(teacher_name: str, action_repeat: int = 1) -> tuple[PPOSettings, WarmStart]:
    shipped = load_agent("ppo-warm", "toy")
    assert isinstance(shipped, PPOSettings) and shipped.warm_start
    warm = shipped.warm_start.model_copy(update={"teacher": teacher_name, "episodes": 2, "epochs": 1})
    return shipped.model_copy(update={"warm_start": warm, "action_repeat": action_repeat}), warm


def test_a_teachers_decisions_are_held_and_their_returns_are_the_episodes() -> None:
    settings, warm = settings_of("PeakOffset-modes", action_repeat=5)
    shown = demonstrations(TOY, settings.model_copy(update={"gamma": 1.0}), warm, seed=1)
    per_episode = -(-TOY.n_steps // 5)
    assert shown.modes.shape == (2 * per_episode, 2) and shown.observations.shape[0] == len(shown.returns)
    env, policy = ClusterEnv(TOY, reward=settings.reward), baselines.make("PeakOffset-modes")
    numbers = np.random.default_rng([2, 1]).choice(2**31, 2, replace=False)
    for first, number in zip((0, per_episode), numbers.tolist(), strict=True):
        observation, _ = env.reset(options={"split": "train", "episode": number})
        policy.reset(env.outlook(), np.random.default_rng(0))
        np.testing.assert_array_equal(shown.observations[first], observation)
        np.testing.assert_array_equal(shown.modes[first], policy.act(env.outlook()))
        rewards = [env.step(modes)[1] for modes in shown.modes[first : first + per_episode].repeat(5, 0)[: TOY.n_steps]]
        assert shown.returns[first] == pytest.approx(sum(rewards) * settings.reward_scale, rel=1e-5)


def test_one_seed_gives_the_same_demonstrations_even_of_a_teacher_that_draws() -> None:
    settings, warm = settings_of("Random")
    first, second, other = (demonstrations(TOY, settings, warm, seed) for seed in (5, 5, 6))
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(first, second, strict=True))
    assert not np.array_equal(first.modes, other.modes)


def test_a_rule_that_knows_no_stores_leaves_them_to_theirs() -> None:
    scenario, (settings, warm) = load_scenario("jinshuitan-microgrid"), settings_of("RunOnArrival", action_repeat=96)
    shown = demonstrations(scenario, settings, warm.model_copy(update={"episodes": 1}), seed=0)
    assert shown.modes.shape[1] == scenario.n_regions + scenario.n_stores
    assert (shown.modes[:, : scenario.n_regions] == 2).all() and (shown.modes[:, scenario.n_regions :] == 0).all()


def test_hindsight_may_teach() -> None:
    env = ClusterEnv(TOY, split="train")
    env.reset(options={"split": "train", "episode": 0})
    policy = teacher("HindsightPlanner")
    policy.reset(env.outlook(perfect=True), np.random.default_rng(0))
    assert policy.act(env.outlook(perfect=True)).shape == (2,)


def test_one_seed_gives_one_warm_checkpoint(tmp_path: Path) -> None:
    runs = [train_agent("ppo-warm", "toy", 1, out=tmp_path / folder, total_steps=384) for folder in ("a", "b")]
    (manifest, first), (_, second) = (read_policy(folder) for folder in runs)
    assert manifest.agent == "ppo-warm" and manifest.settings["warm_start"]["teacher"] == "Threshold-pull-0.5-voted"
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_teacher_that_gives_orders_to_jobs_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"teacher WaitAwhile: gives orders to jobs; .* such as WaitAwhile-voted"):
        teacher("WaitAwhile")
    assert teacher("WaitAwhile-voted").name == "WaitAwhile-voted"


def test_a_teacher_nobody_knows_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    warm = "warm_start: {teacher: Treshold, episodes: 1, epochs: 1, batch_size: 8, learning_rate: 0.1}"
    path.write_text(
        f"default: {{algorithm: ppo, total_steps: 96, num_envs: 2, gamma: 0.9, learning_rate: 0.001, batch_size: 48,"
        f" max_grad_norm: 1, n_epochs: 1, {warm}}}",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="unknown policy 'Treshold'"):
        train_agent(str(path), "toy", 0, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
