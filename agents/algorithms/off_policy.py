"""How the value learners here learn: gradient steps on batches drawn together, once the buffer holds enough."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from wattward.agents.algorithms.buffers import FleetReplayBuffer

MOST_NORM = 10.0
"""Of gradients, as in Stable-Baselines3's DQN."""


class BatchLearner(OffPolicyAlgorithm):
    """Base of a learner over an algorithm of Stable-Baselines3, in front of it; waits for `learning_starts` steps."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - SB3's own
        """As the algorithm behind; gradients are cut to a norm of `max_grad_norm`."""
        super().__init__(*args, **kwargs)
        self._most_norm = float(kwargs.get("max_grad_norm", MOST_NORM))

    @abstractmethod
    def _learning_network(self) -> torch.nn.Module:
        """What is learned."""

    @abstractmethod
    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        """The loss of a batch, a scalar."""

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """`gradient_steps` steps on as many batches drawn from the buffer."""
        buffer = self.replay_buffer
        assert isinstance(buffer, FleetReplayBuffer)
        if buffer.size() * self.n_envs < self.learning_starts:
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        parameters = list(self._learning_network().parameters())
        batches = buffer.sample_batches(batch_size, gradient_steps)
        losses = [self._gradient_step(batch, parameters) for batch in batches]
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(np.mean(losses)))

    def _gradient_step(self, batch: ReplayBufferSamples, parameters: list[torch.nn.Parameter]) -> float:
        loss = self._loss(batch)
        self.policy.optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(parameters, self._most_norm)
        self.policy.optimizer.step()
        return loss.item()


def discounts_of(batch: ReplayBufferSamples) -> torch.Tensor:
    """What stands before the value that follows, (batch_size, 1)."""
    assert batch.discounts is not None
    return batch.discounts
