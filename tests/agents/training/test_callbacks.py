from __future__ import annotations

from typing import cast

import pytest
from stable_baselines3 import PPO

from wattward.agents.learners.schedules import MovingLambda
from wattward.agents.registry import load_agent
from wattward.agents.training import environments, models
from wattward.configs import load_scenario

TOY = load_scenario("toy")


class Watched(MovingLambda):
    """Writes down what it set."""

    def _on_rollout_start(self) -> None:
        super()._on_rollout_start()
        self.seen = [*getattr(self, "seen", []), cast("PPO", self.model).rollout_buffer.gae_lambda]


@pytest.mark.parametrize(("done", "expected"), [(0, [0.8, 0.84, 0.88, 0.92, 0.96]), (384, [0.96, 1.0, 1.0])])
def test_lambda_moves_with_the_steps_done_and_stays_at_its_end(done: int, expected: list[float]) -> None:
    settings = load_agent("ppo", "toy").model_copy(update={"num_envs": 4, "batch_size": 96})
    env = environments.make_env(TOY, settings, 0)
    model = cast("PPO", models.make_model(settings, env, 0, episode_steps=TOY.n_steps))
    model.num_timesteps = done
    watched = Watched(0.8, 1.0, 480)
    model.learn(96 * len(expected), watched, reset_num_timesteps=False)
    assert watched.seen == pytest.approx(expected)
    env.close()
