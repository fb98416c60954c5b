from __future__ import annotations

import numpy as np
import pytest
from stable_baselines3 import PPO

from wattward.agents.algorithms.ppo import PPOSettings
from wattward.agents.registry import load_agent
from wattward.agents.training import environments, models
from wattward.agents.training.imitation import Demonstrations, discounted, imitate
from wattward.configs import load_scenario
from wattward.configs.schema.agent import WarmStart

TOY = load_scenario("toy")
WARM = WarmStart(teacher="RunOnArrival", episodes=1, epochs=40, batch_size=64, learning_rate=0.003)


def shown(n: int = 512) -> Demonstrations:
    """A teacher that goes by the sign of one number, and returns that follow another."""
    settings = load_agent("ppo", "toy")
    size = environments.make_env(TOY, settings, 0).observation_space.shape
    assert size is not None
    observations = np.random.default_rng(0).normal(size=(n, *size)).astype(np.float32)
    modes = np.stack([np.where(observations[:, 0] > 0, 3, 0), np.full(n, 2)], axis=1)
    return Demonstrations(observations, modes, observations[:, 1].copy())


def fresh() -> PPO:
    settings = load_agent("ppo", "toy")
    assert isinstance(settings, PPOSettings)
    model = models.make_model(settings, environments.make_env(TOY, settings, 0), 0, episode_steps=TOY.n_steps)
    assert isinstance(model, PPO)
    return model


def test_actor_and_critic_are_fitted_and_the_optimizer_is_not_touched() -> None:
    model, teacher = fresh(), shown()
    assert imitate(model, teacher, WARM, seed=0) > 0.97
    values = model.policy.predict_values(models._tensor(teacher.observations)).detach().numpy().ravel()
    assert np.corrcoef(values, teacher.returns)[0, 1] > 0.95
    assert not models.optimizer_tensors(load_agent("ppo", "toy"), model)


def test_one_seed_gives_one_fit_and_another_seed_another() -> None:
    few = WARM.model_copy(update={"epochs": 2})
    fits = []
    for seed in (3, 3, 4):
        model = fresh()
        imitate(model, shown(), few, seed=seed)
        fits.append(models.policy_tensors(model))
    assert all(np.array_equal(fits[0][name], fits[1][name]) for name in fits[0])
    assert any(not np.array_equal(fits[0][name], fits[2][name]) for name in fits[0])


def test_entropy_is_left_where_it_is_asked_for() -> None:
    entropies = []
    for ent_coef in (0.0, 1.0):
        model, teacher = fresh(), shown()
        imitate(model, teacher, WARM.model_copy(update={"ent_coef": ent_coef}), seed=0)
        observations = models._tensor(teacher.observations)
        entropy = model.policy.evaluate_actions(observations, models._tensor(teacher.modes))[2]
        assert entropy is not None
        entropies.append(float(entropy.detach().mean()))
    assert entropies[0] < 0.3 < entropies[1]


def test_returns_are_discounted_to_the_end() -> None:
    np.testing.assert_allclose(discounted(np.array([1.0, 2.0, 4.0]), 0.5), [3.0, 4.0, 4.0])
    assert discounted(np.array([]), 0.5).size == 0


def test_masks_and_teachers_do_not_go_together() -> None:
    plain = load_agent("maskable-ppo", "toy")
    with pytest.raises(ValueError, match=r"warm_start\n.*not permitted"):
        type(plain).model_validate({**plain.model_dump(), "warm_start": WARM})
