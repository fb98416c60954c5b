"""sb3-contrib's QR-DQN (Dabney et al. 2018, arXiv 1710.10044) with the changes that `value_learners` makes to DQN.

The learning network chooses the action with the highest mean of its quantiles. The target network gives the quantiles
of that action. Each environment decides independently whether it explores.
"""

from __future__ import annotations

import torch
from sb3_contrib import QRDQN
from sb3_contrib.common.utils import quantile_huber_loss
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from wattward.agents.learners.value_learners import BatchLearner, discounts_of


class QuantileDQN(BatchLearner, QRDQN):
    """QR-DQN with double targets and independent exploration in each environment.

    It starts learning when its buffer holds `learning_starts` steps.
    """

    def _learning_network(self) -> BasePolicy:
        return self.quantile_net

    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        with torch.no_grad():
            chosen = self.quantile_net(batch.next_observations).mean(dim=1).argmax(dim=1, keepdim=True)
            following = _of_actions(self.quantile_net_target(batch.next_observations), chosen)
            targets = batch.rewards + (1 - batch.dones) * discounts_of(batch) * following
        quantiles = _of_actions(self.quantile_net(batch.observations), batch.actions)
        return quantile_huber_loss(quantiles, targets, sum_over_quantiles=True)


def _of_actions(quantiles: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Selects the quantiles (B, N) of the given actions (B, 1) from the quantiles of all actions (B, N, A)."""
    index = actions.long()[:, :, None].expand(-1, quantiles.shape[1], 1)
    return quantiles.gather(2, index).squeeze(2)
