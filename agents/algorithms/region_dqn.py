"""Deep Q-learning whose value of a decision is the sum of what one network says of each region's mode.

Value decomposition (Sunehag et al. 2017, arXiv 1706.05296) with shared weights: the sum is fitted to the return of the
whole environment, so the network finds out what each region's mode contributes, and the best joint action is every
region's own best mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch.nn import functional

from wattward.agents.algorithms.buffers import FleetReplayBuffer, Indices
from wattward.agents.algorithms.double_dqn import DoubleDQN
from wattward.agents.algorithms.off_policy import discounts_of


class TeamReplayBuffer(FleetReplayBuffer):
    """Draws decisions of whole environments: the transitions of all regions of each, in their order."""

    def __init__(self, *args: Any, team: int, **kwargs: Any) -> None:  # noqa: ANN401 - SB3's own
        """As Stable-Baselines3's; `team` is the number of regions of an environment."""
        super().__init__(*args, **kwargs)
        self.team = team

    def _first(self, batch_size: int, n_batches: int) -> Indices:
        upper, decisions = self.buffer_size if self.full else self.pos, batch_size // self.team * n_batches
        steps = np.random.randint(0, upper, decisions)  # noqa: NPY002 - SB3 seeds it
        envs = np.random.randint(0, self.n_envs // self.team, decisions)  # noqa: NPY002 - SB3 seeds it
        return ((steps * self.n_envs + envs * self.team)[:, None] + np.arange(self.team)).reshape(-1)


class TeamDQN(DoubleDQN):
    """`DoubleDQN` on sums over the regions of an environment."""

    def _loss(self, batch: ReplayBufferSamples) -> torch.Tensor:
        assert isinstance(self.replay_buffer, TeamReplayBuffer)
        values, following = self._values(batch)
        team = self.replay_buffer.team
        rewards, dones, discounts = (
            column.view(-1, team)[:, 0] for column in (batch.rewards, batch.dones, discounts_of(batch))
        )
        targets = rewards + (1 - dones) * discounts * following.view(-1, team).sum(dim=1)
        return functional.smooth_l1_loss(values.view(-1, team).sum(dim=1), targets)
