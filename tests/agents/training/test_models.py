from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from wattward.agents.registry import load_agent
from wattward.agents.training import environments, models
from wattward.agents.training.callbacks import Validation
from wattward.configs import ConfigError, load_scenario
from wattward.configs.schema.agent import AgentSettings
from wattward.envs.interfaces.cluster_env import ClusterEnv
from wattward.envs.interfaces.sb3_env import FleetVecEnv

TOY = load_scenario("toy")
AGENTS = ["ppo", "maskable-ppo", "recurrent-ppo", "dqn", "qrdqn"]


def settings_of(agent: str, **changes: Any) -> AgentSettings:
    settings = load_agent(agent, "toy")
    few: dict[str, Any] = {"batch_size": 96}
    if "dqn" in agent:
        few = {"learning_starts": 100, "buffer_size": 1000}
    return type(settings).model_validate({**settings.model_dump(), "num_envs": 4, **few, **changes})


def trained(agent: str, seed: int, steps: int = 480, **changes: Any) -> BaseAlgorithm:
    settings = settings_of(agent, **changes)
    env = environments.make_env(TOY, settings, seed)
    model = models.make_model(settings, env, seed, episode_steps=TOY.n_steps)
    model.learn(steps)
    env.close()
    return model


@pytest.mark.parametrize("agent", AGENTS)
def test_one_seed_gives_one_training_and_another_seed_another(agent: str) -> None:
    first, second, other = (models.policy_tensors(trained(agent, seed)) for seed in (5, 5, 6))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_ppo_learns_bit_for_bit_what_stock_classes_learn() -> None:
    settings = settings_of("ppo", run_logit=0.0)
    env = environments.make_env(TOY, settings, 5)
    given = models.model_arguments(settings, env.num_envs, TOY.n_steps)
    given["policy_kwargs"] |= {"activation_fn": torch.nn.ReLU} | models.FUSED_ADAM
    stock = PPO("MlpPolicy", env, seed=5, **given).learn(480)
    ours, theirs = models.policy_tensors(trained("ppo", 5, run_logit=0.0)), models.policy_tensors(stock)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_restored_model_is_the_model(agent: str) -> None:
    model, settings = trained(agent, 0), settings_of(agent)
    fresh = models.make_model(settings, environments.make_env(TOY, settings, 9), 9, episode_steps=TOY.n_steps)
    weights, moments = models.policy_tensors(model), models.optimizer_tensors(settings, model)
    counted = {"steps_done": model.num_timesteps, "updates_done": model._n_updates}
    models.restore(settings, fresh, weights, moments, **counted)
    for before, after in (
        (weights, models.policy_tensors(fresh)),
        (moments, models.optimizer_tensors(settings, fresh)),
    ):
        assert before.keys() == after.keys() and before
        assert all(np.array_equal(before[name], after[name]) for name in before)
    assert (fresh.num_timesteps, fresh._n_updates) == (model.num_timesteps, model._n_updates)
    fresh.learn(96, reset_num_timesteps=False)
    assert fresh.num_timesteps == model.num_timesteps + 96


def test_a_rollout_must_be_whole_batches() -> None:
    settings = settings_of("ppo", batch_size=50)
    with pytest.raises(ConfigError, match=r"batch_size = 50: must divide the 96 decisions"):
        models.make_model(settings, environments.make_env(TOY, settings, 0), 0, episode_steps=TOY.n_steps)


@pytest.mark.parametrize("agent", ["dqn", "qrdqn"])
def test_dqn_waits_for_its_buffer_to_fill_again(agent: str) -> None:
    settings = settings_of(agent, learning_starts=200)
    model = models.make_model(settings, environments.make_env(TOY, settings, 0), 0, episode_steps=TOY.n_steps)
    model.num_timesteps = 5000
    model.learn(160, reset_num_timesteps=False)
    assert model._n_updates == 0
    model.learn(160, reset_num_timesteps=False)
    assert model._n_updates > 0


@pytest.mark.parametrize("agent", ["dqn", "qrdqn"])
def test_dqn_explores_each_environment_by_its_own_coin(agent: str) -> None:
    settings = settings_of(agent, num_envs=64)
    env = environments.make_env(TOY, settings, 0)
    model = models.make_model(settings, env, 0, episode_steps=TOY.n_steps)
    model.exploration_rate = 0.5  # type: ignore[union-attr]
    observations = np.repeat(np.asarray(env.reset())[:1], 64, axis=0)
    greedy = model.predict(observations, deterministic=True)[0]
    changed = np.mean([np.mean(model.predict(observations)[0] != greedy) for _ in range(20)])
    assert np.unique(greedy).size == 1
    assert 0.35 < changed < 0.6


def test_rewards_are_scaled_and_returns_are_not() -> None:
    plain, scaled = (environments.make_env(TOY, settings_of("ppo", reward_scale=scale), 0) for scale in (1.0, 10.0))
    plain.reset()
    scaled.reset()
    for _ in range(TOY.n_steps):
        hold = np.zeros((4, 2), dtype=np.int64)
        (_, rewards, _, infos), (_, tenfold, _, same) = plain.step(hold), scaled.step(hold)
        np.testing.assert_allclose(tenfold, rewards * 10.0, rtol=1e-6)
    assert [info["episode"]["r"] for info in infos] == [info["episode"]["r"] for info in same]


@pytest.mark.parametrize(
    ("scenario", "bank_episodes"), [("zhejiang-xinjiang", 0), ("zhejiang-xinjiang", 2), ("random-2", 2)]
)
def test_training_alone_charges_lateness_more(scenario: str, bank_episodes: int) -> None:
    """The same modes: bills of lateness, and with them returns, differ in training and not in validation."""
    worlds = [settings_of("ppo", late_weight=weight, bank_episodes=bank_episodes) for weight in (1, 3)]
    (plain, gain), (dear, less) = (_held_back(scenario, settings, "train") for settings in worlds)
    assert plain["late_cost"] > 0.0
    assert dear["late_cost"] == pytest.approx(3.0 * plain["late_cost"])
    assert less < gain
    assert _held_back(scenario, worlds[0], "validation") == _held_back(scenario, worlds[1], "validation")


def _held_back(scenario: str, settings: AgentSettings, split: str) -> tuple[dict[str, float], float]:
    """KPIs and return of a first episode in which nothing runs before it is due."""
    world = load_scenario(scenario)
    bank = environments.make_bank(world, settings, 0) if split == "train" else None
    env = environments.make_env(world, settings, 0, split=split, num_envs=1, bank=bank)
    env.reset()
    infos: list[dict[str, Any]] = []
    for _ in range(world.n_steps):
        _, _, _, infos = env.step(np.zeros((1, 2), dtype=np.int64))
    return infos[0]["kpis"], infos[0]["episode"]["r"]


def test_a_held_decision_is_that_many_steps_of_the_same_modes() -> None:
    held, single = (environments.make_env(TOY, settings_of("ppo", action_repeat=hold), 0) for hold in (5, 1))
    held.reset()
    single.reset()
    pull = np.full((4, 2), 3, dtype=np.int64)
    for decision in range(5):
        observation, rewards, dones, _ = held.step(pull)
        steps = [single.step(pull) for _ in range(5 if decision < 4 else 4)]
        np.testing.assert_allclose(rewards, sum(step[1] for step in steps), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(observation), np.asarray(steps[-1][0]))
        assert dones.all() == (decision == 4) == steps[-1][2].all()


class Holder(FleetVecEnv):
    """Holds actions by itself, in a way that shows."""

    def step_held(self, actions: np.ndarray, action_repeat: int) -> VecEnvStepReturn:
        self.asked = action_repeat
        observations, _, dones, infos = self.step(actions)
        return observations, np.full(self.num_envs, 7.0), dones, infos


def test_environments_that_hold_actions_by_themselves_do_so() -> None:
    inner = Holder(TOY, 3, seed=0)
    env = environments.RepeatedActions(inner, 5, 0.5)
    env.reset()
    rewards = env.step(np.zeros((3, 2), dtype=np.int64))[1]
    assert inner.asked == 5
    np.testing.assert_array_equal(rewards, np.full(3, 3.5, dtype=np.float32))


def test_a_wrapper_around_such_environments_is_not_passed_by() -> None:
    inner = Holder(TOY, 3, seed=0)
    env = environments.RepeatedActions(VecMonitor(inner), 5, 0.5)
    env.reset()
    env.step(np.zeros((3, 2), dtype=np.int64))
    assert not hasattr(inner, "asked")


def test_ppo_sets_out_from_running_work() -> None:
    settings = settings_of("ppo", run_logit=5.0)
    env = environments.make_env(TOY, settings, 0)
    model = models.make_model(settings, env, 0, episode_steps=TOY.n_steps)
    modes = model.predict(np.asarray(env.reset()), deterministic=False)[0]
    assert np.mean(modes >= 2) > 0.8


class Always:
    """A model that knows one action."""

    def __init__(self, action: object) -> None:
        self._action = action

    def predict(self, observations: np.ndarray, deterministic: bool) -> tuple[np.ndarray, None]:
        assert deterministic
        return np.array([self._action] * len(observations)), None


def test_validation_measures_the_saving_on_the_same_episodes_each_time() -> None:
    settings = settings_of("ppo")
    validation = Validation(
        lambda: environments.make_env(TOY, settings, 0, split="validation", num_envs=5), np.array([2, 2])
    )
    run, hold = Always([2, 2]), Always([0, 0])
    assert validation.saving(run) == pytest.approx(0.0)  # type: ignore[arg-type]
    assert validation.saving(hold) == validation.saving(hold) != 0.0  # type: ignore[arg-type]


def test_a_runs_training_episodes_are_its_seeds_own_and_are_what_it_plays() -> None:
    settings = settings_of("ppo", bank_episodes=5)
    mine, again, other = (environments.make_bank(TOY, settings, seed) for seed in (3, 3, 4))
    assert mine is not None and again is not None and other is not None
    assert mine.split == "train" and len(mine) == len(set(mine.numbers.tolist())) == 5
    np.testing.assert_array_equal(mine.numbers, again.numbers)
    assert not np.array_equal(mine.numbers, other.numbers)
    env = environments.make_env(TOY, settings, 3, bank=mine)
    first = env.reset()
    assert {row.tobytes() for row in first} <= {_first_observation(number) for number in mine.numbers.tolist()}
    assert environments.make_bank(TOY, settings_of("ppo", bank_episodes=0), 3) is None


def _first_observation(number: int) -> bytes:
    observation, _ = ClusterEnv(TOY).reset(options={"split": "train", "episode": number})
    return observation.tobytes()
