from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from wattward.agents.algorithms.qrdqn import mean_of_quantiles
from wattward.agents.learners.quantile_dqn import QuantileDQN
from wattward.agents.registry import load_agent
from wattward.agents.training import environments, models
from wattward.configs import ConfigError, load_scenario

TOY = load_scenario("toy")


def model_of(**changes: Any) -> QuantileDQN:
    shipped = load_agent("qrdqn", "toy")
    settings = type(shipped).model_validate({**shipped.model_dump(), "num_envs": 4, **changes})
    model = models.make_model(settings, environments.make_env(TOY, settings, 0), 0, episode_steps=TOY.n_steps)
    assert isinstance(model, QuantileDQN)
    return model


def test_it_learns_how_much_returns_differ() -> None:
    model = model_of(n_quantiles=8, learning_rate=0.01)
    seen, rng = model.observation_space.shape, np.random.default_rng(0)
    assert seen is not None
    observations, zeros = torch.zeros(256, *seen), torch.zeros(256, 1)
    parameters = list(model.quantile_net.parameters())
    for _ in range(400):
        rewards = torch.from_numpy(rng.choice([-1.0, 1.0], (256, 1)).astype(np.float32))
        model._gradient_step(
            ReplayBufferSamples(observations, zeros.long(), observations, zeros + 1, rewards, zeros), parameters
        )
    quantiles = np.sort(model.quantile_net(observations[:1])[0, :, 0].detach().numpy())
    assert -1.2 < quantiles[0] < -0.75 and 0.75 < quantiles[-1] < 1.2, "the Huber loss draws them in a little"
    assert quantiles.mean() == pytest.approx(0.0, abs=0.2)


def test_the_mean_layer_is_the_mean_of_the_quantiles() -> None:
    rng = np.random.default_rng(1)
    weight, bias = rng.normal(size=(15, 4)).astype(np.float32), rng.normal(size=15).astype(np.float32)
    x = rng.normal(size=4).astype(np.float32)
    of_weight, of_bias = mean_of_quantiles((weight, bias), 5)
    np.testing.assert_allclose(
        of_weight @ x + of_bias, (weight @ x + bias).reshape(3, 5).mean(axis=0), rtol=1e-4, atol=1e-6
    )


def test_without_sb3_contrib_it_says_what_to_install(without: Callable[[str, str], None]) -> None:
    without("wattward.agents.learners.quantile_dqn", "sb3_contrib")
    with pytest.raises(ConfigError, match=r"'qrdqn' needs sb3-contrib: pip install 'wattward\[more\]'"):
        model_of()
