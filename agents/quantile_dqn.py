"""sb3-contrib's QR-DQN (Dabney et al. 2018, arXiv 1710.10044) with what `double_dqn` changes in DQN.

The learning network chooses by the mean of its quantiles, the target network gives the quantiles of that choice, and
each environment explores by its own coin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import QRDQN
from sb3_contrib.common.utils import quantile_huber_loss
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from wattward.agents.buffers import FleetReplayBuffer
from wattward.agents.double_dqn import explored


class QuantileDQN(QRDQN):
    """QR-DQN with double targets and exploration by environment; learns once its buffer holds `learning_starts`."""

    def predict(
        self,
        observation: Any,  # noqa: ANN401 - the type Stable-Baselines3 gives it
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Greedy actions, each replaced by a random one with the present exploration rate unless `deterministic`."""
        actions, state = self.policy.predict(observation, state, episode_start, deterministic=True)
        if not deterministic:
            n_actions = int(self.quantile_net.action_space.n)
            actions = explored(actions, n_actions, self.exploration_rate, self.action_space.np_random)
        return actions, state

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """`gradient_steps` steps on as many batches drawn from the buffer."""
        buffer = self.replay_buffer
        assert isinstance(buffer, FleetReplayBuffer)
        if buffer.size() * self.n_envs < self.learning_starts:
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        parameters = list(self.quantile_net.parameters())
        batches = buffer.sample_batches(batch_size, gradient_steps)
        losses = [self._gradient_step(batch, parameters) for batch in batches]
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(np.mean(losses)))

    def _gradient_step(self, batch: ReplayBufferSamples, parameters: list[torch.nn.Parameter]) -> float:
        assert batch.discounts is not None
        with torch.no_grad():
            chosen = self.quantile_net(batch.next_observations).mean(dim=1).argmax(dim=1, keepdim=True)
            following = _of_actions(self.quantile_net_target(batch.next_observations), chosen)
            targets = batch.rewards + (1 - batch.dones) * batch.discounts * following
        quantiles = _of_actions(self.quantile_net(batch.observations), batch.actions)
        loss = quantile_huber_loss(quantiles, targets, sum_over_quantiles=True)
        self.policy.optimizer.zero_grad()
        torch.autograd.backward(loss)
        if self.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
        self.policy.optimizer.step()
        return loss.item()


def _of_actions(quantiles: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Quantiles (B, N) of one action (B, 1) each, out of those of all actions (B, N, A)."""
    index = actions.long()[:, :, None].expand(-1, quantiles.shape[1], 1)
    return quantiles.gather(2, index).squeeze(2)
