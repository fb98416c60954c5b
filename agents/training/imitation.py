"""Warm start: before PPO, fits the actor to a teacher's decisions and the critic to the returns of these decisions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from wattward.configs.schema.agent import WarmStart


class Demonstrations(NamedTuple):
    """Decisions of a teacher, one row for each decision."""

    observations: NDArray[np.float32]  # (N, size)
    modes: NDArray[np.int64]  # (N, R)
    returns: NDArray[np.float32]  # (N,) discounted sums of scaled rewards until the end of the episode


def discounted(rewards: NDArray[np.float64], gamma: float) -> NDArray[np.float32]:
    """Computes the discounted returns (T,) of one episode from its rewards (T,)."""
    returns, following = np.zeros(len(rewards), dtype=np.float32), 0.0
    for t in reversed(range(len(rewards))):
        following = rewards[t] + gamma * following
        returns[t] = following
    return returns


def imitate(model: OnPolicyAlgorithm, shown: Demonstrations, settings: WarmStart, seed: int) -> float:
    """Fits actor and critic to the demonstrations; PPO's own optimizer does not change.

    Returns:
        Share of the teacher's modes to which the fitted actor gives the highest probability.
    """
    tensors = [torch.from_numpy(np.ascontiguousarray(column)) for column in shown]
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(model.policy.parameters(), lr=settings.learning_rate)
    model.policy.set_training_mode(True)
    for _ in range(settings.epochs):
        order = torch.from_numpy(rng.permutation(len(shown.returns)))
        for chosen in order.split(settings.batch_size):
            loss = _loss(model, [column[chosen] for column in tensors], settings)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.policy.parameters(), model.max_grad_norm)
            optimizer.step()
    model.policy.set_training_mode(False)
    likeliest = model.predict(shown.observations, deterministic=True)[0]
    return float(np.mean(likeliest == shown.modes))


def _loss(model: OnPolicyAlgorithm, batch: list[torch.Tensor], settings: WarmStart) -> torch.Tensor:
    """Returns the loss of actor and critic on a batch.

    It is the cross-entropy of the teacher's modes, minus the weighted entropy of the actor, plus the weighted squared
    error of the critic.
    """
    observations, modes, returns = batch
    values, log_probs, entropy = model.policy.evaluate_actions(observations, modes)
    assert entropy is not None
    of_critic = torch.nn.functional.mse_loss(values.flatten(), returns)
    loss: torch.Tensor = model.vf_coef * of_critic - log_probs.mean() - settings.ent_coef * entropy.mean()
    return loss
