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
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch.nn import functional

from wattward.agents.algorithms.off_policy import BatchLearner, discounts_of


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
