"""Value learners based on Stable-Baselines3's DQN.

Targets are those of double Q-learning (van Hasselt, Guez and Silver 2016, arXiv 1509.06461): the online network chooses
the next action, the target network gives its value. Each environment decides independently whether it explores. If the
target network is a running average of the online network (tau < 1), greedy actions come from the target network.
Learning starts when the buffer holds enough steps. The batches of one round of gradient steps are drawn together.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from numpy.typing import NDArray
from stable_baselines3 import DQN
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch.nn import functional

from wattward.agents.learners.buffers import BatchReplayBuffer, RegionReplayBuffer

MAX_GRAD_NORM = 10.0
"""Largest norm of gradients, as in Stable-Baselines3's DQN."""


class BatchLearner(OffPolicyAlgorithm):
    """Mixin that changes how an off-policy class of Stable-Baselines3 learns; must be listed before that class.

    Learning starts when the buffer holds `learning_starts` steps, also in a resumed run. Each environment decides
    independently whether it explores.
    """

    exploration_rate: float
    """Share of actions that are random; the class that is changed sets it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - SB3's own
        """Takes the arguments of the class that it changes; gradients are clipped to a norm of `max_grad_norm`."""
        super().__init__(*args, **kwargs)
        self._max_grad_norm = float(kwargs.get("max_grad_norm", MAX_GRAD_NORM))

    @abstractmethod
    def _learning_network(self) -> BasePolicy:
        """Returns the network that gradient steps update. It also explores."""

    def _acting_network(self) -> BasePolicy:
        """Returns the network that acts when nothing is explored; by default the one that learns."""
        return self._learning_network()

    @abstractmethod
    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        """Returns the loss of a batch as a scalar."""

    def predict(
        self,
        observation: Any,  # noqa: ANN401 - the type Stable-Baselines3 gives it
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,  # noqa: ARG002 - for networks with a memory
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Returns greedy actions; unless `deterministic`, each becomes random with the current exploration rate."""
        if deterministic:
            return self._acting_network().predict(observation, deterministic=True)[0], state
        assert isinstance(self.action_space, Discrete)
        actions = self._learning_network().predict(observation, deterministic=True)[0]
        n_actions = int(self.action_space.n)
        return explored(actions, n_actions, self.exploration_rate, self.action_space.np_random), state

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Takes `gradient_steps` gradient steps, each on its own batch from the buffer."""
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
    """Returns the discount factors of the next values, shape (batch_size, 1)."""
    assert batch.discounts is not None
    return batch.discounts


def explored(actions: NDArray[Any], n_actions: int, rate: float, rng: np.random.Generator) -> NDArray[Any]:
    """Replaces each action, independently with probability `rate`, by a random one of `n_actions`."""
    explores = rng.random(np.shape(actions)) < rate
    return np.where(explores, rng.integers(n_actions, size=np.shape(actions)), actions)


class DoubleDQN(BatchLearner, DQN):
    """DQN with double targets and independent exploration in each environment.

    It starts learning when its buffer holds `learning_starts` steps.
    """

    def _learning_network(self) -> BasePolicy:
        return self.q_net

    def _acting_network(self) -> BasePolicy:
        return self.q_net if self.tau == 1.0 else self.q_net_target

    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        values, following = self._values(batch)
        targets = batch.rewards + (1 - batch.dones) * discounts_of(batch) * following
        return functional.smooth_l1_loss(values, targets)

    def _values(self, batch: ReplayBufferSamples) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the values of the actions taken and of the next actions, both (batch_size, 1)."""
        online, target = self.q_net.q_net, self.q_net_target.q_net
        with torch.no_grad():
            chosen = online(batch.next_observations).argmax(dim=1, keepdim=True)
            following = torch.gather(target(batch.next_observations), 1, chosen)
        return torch.gather(online(batch.observations), 1, batch.actions), following


class SummedDQN(DoubleDQN):
    """DQN in which the value of a joint decision is the sum of the values of each region's mode.

    This is value decomposition (Sunehag et al. 2017, arXiv 1706.05296) with one network for all regions. The sum is
    fitted to the return of the whole environment, so the network learns the contribution of each region's mode. The
    best joint action is the best mode of each region.
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
