from __future__ import annotations

from typing import cast

import pytest
from stable_baselines3 import PPO

from wattward.agents.learners.schedules import MovingLambda, linear
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


@pytest.mark.parametrize(("start", "end"), [(7e-4, 5e-5), (5e-4, 0.0), (1e-3, 1e-3), (0.2, 0.9)])
def test_a_schedule_goes_from_start_to_end_and_no_further(start: float, end: float) -> None:
    at = linear(start, end)
    assert (at(1.0), at(0.0)) == pytest.approx((start, end))
    assert at(0.25) == pytest.approx(end + 0.25 * (start - end))
    assert (at(-0.024), at(-3.0), at(1.5)) == pytest.approx((end, end, start))


@pytest.mark.parametrize("agent", ["ppo", "dqn"])
def test_a_last_rollout_beyond_the_budget_learns_at_the_last_rate(agent: str) -> None:
    """A budget is rounded up to whole rollouts; the rate went on falling there, and below zero."""
    few = {"batch_size": 96} if agent == "ppo" else {"learning_starts": 4, "buffer_size": 500}
    rates = {"learning_rate": 1e-3, "learning_rate_end": 1e-5}
    settings = load_agent(agent, "toy").model_copy(update={"num_envs": 4, **few, **rates})
    model = models.make_model(settings, environments.make_env(TOY, settings, 0), 0, episode_steps=TOY.n_steps)
    model.learn(97 if agent == "ppo" else 397)
    assert model.num_timesteps > (97 if agent == "ppo" else 397)
    assert [group["lr"] for group in model.policy.optimizer.param_groups] == pytest.approx([1e-5])
