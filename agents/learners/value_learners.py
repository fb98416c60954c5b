"""Learners of values over Stable-Baselines3's DQN.

Targets are those of double Q-learning (van Hasselt, Guez and Silver 2016, arXiv 1509.06461): the online network
chooses, the target network values. Each environment explores by its own coin instead of one coin for all. Where the
target network is a running average of the online one (tau < 1), it is the average that acts greedily. Gradient steps
take batches that are drawn together, once the buffer holds enough.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DQN
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch.nn import functional

from wattward.agents.learners.buffers import BatchReplayBuffer, RegionReplayBuffer

MAX_GRAD_NORM = 10.0
"""Of gradients, as in Stable-Baselines3's DQN."""


class BatchLearner(OffPolicyAlgorithm):
    """Base of a learner, named before the class of Stable-Baselines3 that it changes.

    It learns once its buffer holds `learning_starts` steps, in a resumed run as well.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - SB3's own
        """As the algorithm behind; gradients are cut to a norm of `max_grad_norm`."""
        super().__init__(*args, **kwargs)
        self._max_grad_norm = float(kwargs.get("max_grad_norm", MAX_GRAD_NORM))

    @abstractmethod
    def _learning_network(self) -> torch.nn.Module:
        """What is learned."""

    @abstractmethod
    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        """The loss of a batch, a scalar."""

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """`gradient_steps` steps on as many batches drawn from the buffer."""
        buffer = self.replay_buffer
        assert isinstance(buffer, BatchReplayBuffer)
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
        torch.nn.utils.clip_grad_norm_(parameters, self._max_grad_norm)
        self.policy.optimizer.step()
        return loss.item()


def discounts_of(batch: ReplayBufferSamples) -> torch.Tensor:
    """What stands before the value that follows, (batch_size, 1)."""
    assert batch.discounts is not None
    return batch.discounts


def explored(actions: NDArray[Any], n_actions: int, rate: float, rng: np.random.Generator) -> NDArray[Any]:
    """The actions, each replaced by a random one of `n_actions` with a chance of `rate`, one coin each."""
    explores = rng.random(np.shape(actions)) < rate
    return np.where(explores, rng.integers(n_actions, size=np.shape(actions)), actions)


class DoubleDQN(BatchLearner, DQN):
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
            actions = explored(
                actions, int(self.q_net.action_space.n), self.exploration_rate, self.action_space.np_random
            )
        return actions, state

    def _learning_network(self) -> torch.nn.Module:
        return self.q_net

    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        values, following = self._values(batch)
        targets = batch.rewards + (1 - batch.dones) * discounts_of(batch) * following
        return functional.smooth_l1_loss(values, targets)

    def _values(self, batch: ReplayBufferSamples) -> tuple[torch.Tensor, torch.Tensor]:
        """Values of the actions taken and of those that follow, both (batch_size, 1)."""
        online, target = self.q_net.q_net, self.q_net_target.q_net
        with torch.no_grad():
            chosen = online(batch.next_observations).argmax(dim=1, keepdim=True)
            following = torch.gather(target(batch.next_observations), 1, chosen)
        return torch.gather(online(batch.observations), 1, batch.actions), following


class SummedDQN(DoubleDQN):
    """DQN whose value of a decision is the sum of what one network says of each region's mode.

    Value decomposition (Sunehag et al. 2017, arXiv 1706.05296) with shared weights: the sum is fitted to the return of
    the whole environment, so the network finds out what each region's mode contributes, and the best joint action is
    every region's own best mode.
    """

    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        assert isinstance(self.replay_buffer, RegionReplayBuffer)
        values, following = self._values(batch)
        n_regions = self.replay_buffer.n_regions
        rewards, dones, discounts = (
            column.view(-1, n_regions)[:, 0] for column in (batch.rewards, batch.dones, discounts_of(batch))
        )
        targets = rewards + (1 - dones) * discounts * following.view(-1, n_regions).sum(dim=1)
        return functional.smooth_l1_loss(values.view(-1, n_regions).sum(dim=1), targets)
