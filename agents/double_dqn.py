"""Stable-Baselines3's DQN with three changes that matter here.

Targets are those of double Q-learning (van Hasselt, Guez and Silver 2016, arXiv 1509.06461): the online network
chooses, the target network values. Each environment explores by its own coin instead of one coin for all. And where
the target network is a running average of the online one (tau < 1), it is the average that acts greedily.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DQN
from torch.nn import functional


class DoubleDQN(DQN):
    """DQN with double targets and exploration by environment; learns once its buffer holds `learning_starts` steps."""

    def predict(
        self,
        observation: Any,  # noqa: ANN401 - the type Stable-Baselines3 gives it
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Greedy actions, each replaced by a random one with the present exploration rate unless `deterministic`."""
        if deterministic and self.tau < 1.0:
            with torch.no_grad():
                values = self.q_net_target(torch.as_tensor(observation))
            return values.argmax(dim=1).numpy(), state
        actions, state = self.policy.predict(observation, state, episode_start, deterministic=True)
        if not deterministic:
            rng = self.action_space.np_random
            explores = rng.random(np.shape(actions)) < self.exploration_rate
            actions = np.where(explores, rng.integers(self.q_net.action_space.n, size=np.shape(actions)), actions)
        return actions, state

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """`gradient_steps` steps on as many batches drawn from the buffer."""
        buffer = self.replay_buffer
        assert buffer is not None
        if buffer.size() * self.n_envs < self.learning_starts:
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = [self._gradient_step(buffer.sample(batch_size)) for _ in range(gradient_steps)]
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(np.mean(losses)))

    def _gradient_step(self, batch: Any) -> float:  # noqa: ANN401 - ReplayBufferSamples, whose `discounts` is optional
        with torch.no_grad():
            chosen = self.q_net(batch.next_observations).argmax(dim=1, keepdim=True)
            following = torch.gather(self.q_net_target(batch.next_observations), 1, chosen)
            discounts = self.gamma if batch.discounts is None else batch.discounts
            targets = batch.rewards + (1 - batch.dones) * discounts * following
        values = torch.gather(self.q_net(batch.observations), 1, batch.actions.long())
        loss = functional.smooth_l1_loss(values, targets)
        self.policy.optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        return float(loss.item())
