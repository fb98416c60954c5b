"""Stable-Baselines3's buffers with fewer copies of observations, which must be flat and float32.

The same seed gives the same batches as with the original buffers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import NStepReplayBuffer, RolloutBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples, RolloutBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

Indices = NDArray[np.int64]


class FlatRolloutBuffer(RolloutBuffer):
    """Rollout buffer that gathers batches directly into tensors and keeps actions as integers."""

    def _get_samples(self, batch_inds: Indices, env: VecNormalize | None = None) -> RolloutBufferSamples:  # noqa: ARG002 - SB3's
        columns = (self.values, self.log_probs, self.advantages, self.returns)
        return RolloutBufferSamples(
            torch.from_numpy(self.observations.take(batch_inds, axis=0)),
            torch.from_numpy(self.actions.take(batch_inds, axis=0)),
            *(torch.from_numpy(column.take(batch_inds)) for column in columns),
        )


class BatchReplayBuffer(NStepReplayBuffer):
    """Replay buffer with n-step returns that draws several batches at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - SB3's own
        super().__init__(*args, **kwargs)
        self._gathered: dict[str, NDArray[np.float32]] = {}

    def sample_batches(self, batch_size: int, n_batches: int) -> list[ReplayBufferSamples]:
        """Draws the same batches as `n_batches` calls of `sample`. The next call overwrites the tensors.

        Args:
            batch_size: Number of transitions in a batch.
            n_batches: Number of batches, which are drawn one after the other.

        Returns:
            For each batch, observations (batch_size, size) and actions, rewards, dones and discounts (batch_size, 1).
        """
        first = self._first(batch_size, n_batches)
        last, returns, lengths = self._n_step(first)
        discounts = self.gamma ** lengths.astype(np.float32)
        dones = self.dones.take(last) * (1.0 - self.timeouts.take(last))
        columns = (
            self._rows("observations", first),
            self.actions.reshape(-1, self.action_dim)[first],
            self._rows("next_observations", last),
            *(column[:, None] for column in (dones, returns, discounts)),
        )
        split = [torch.from_numpy(column).split(len(first) // n_batches) for column in columns]
        return [ReplayBufferSamples(*parts) for parts in zip(*split, strict=True)]

    def _first(self, batch_size: int, n_batches: int) -> Indices:
        """Draws the flat indices of the transitions of all batches."""
        upper = self.buffer_size if self.full else self.pos
        drawn = [np.random.randint(0, (upper, self.n_envs)[k], batch_size) for _ in range(n_batches) for k in range(2)]  # noqa: NPY002 - SB3 seeds it
        return np.concatenate(drawn[::2]) * self.n_envs + np.concatenate(drawn[1::2])

    def _n_step(self, first: Indices) -> tuple[Indices, NDArray[np.float32], Indices]:
        """Returns flat indices of the last transitions, sums of discounted rewards, and numbers of transitions."""
        newest = (self.pos - 1) % self.buffer_size
        places = (first + np.arange(self.n_steps)[:, None] * self.n_envs) % (self.buffer_size * self.n_envs)
        ends = (self.dones.take(places) + self.timeouts.take(places)).astype(np.bool_) | (
            places // self.n_envs == newest
        )
        going = np.ones(places.shape, dtype=np.bool_)
        np.logical_and.accumulate(~ends[:-1], axis=0, out=going[1:])
        discounts = self.gamma ** np.arange(self.n_steps, dtype=np.float32)[:, None]
        lengths = going.sum(axis=0)
        returns = (self.rewards.take(places) * discounts * going).sum(axis=0)
        return places[lengths - 1, np.arange(len(first))], returns, lengths

    def _rows(self, name: str, places: Indices) -> NDArray[np.float32]:
        stored: NDArray[np.float32] = getattr(self, name)
        rows: NDArray[np.float32] | None = self._gathered.get(name)
        if rows is None or len(rows) != len(places):
            rows = self._gathered[name] = np.empty((len(places), *self.obs_shape), dtype=np.float32)
        return np.take(stored.reshape(-1, *self.obs_shape), places, axis=0, out=rows, mode="clip")


class RegionReplayBuffer(BatchReplayBuffer):
    """Draws decisions of whole environments: the transitions of all regions of an environment, in order."""

    def __init__(self, *args: Any, n_regions: int, **kwargs: Any) -> None:  # noqa: ANN401 - SB3's own
        """Takes the arguments of Stable-Baselines3's buffer, and the number of regions of an environment."""
        super().__init__(*args, **kwargs)
        self.n_regions = n_regions

    def _first(self, batch_size: int, n_batches: int) -> Indices:
        upper, decisions = self.buffer_size if self.full else self.pos, batch_size // self.n_regions * n_batches
        steps = np.random.randint(0, upper, decisions)  # noqa: NPY002 - SB3 seeds it
        envs = np.random.randint(0, self.n_envs // self.n_regions, decisions)  # noqa: NPY002 - SB3 seeds it
        return ((steps * self.n_envs + envs * self.n_regions)[:, None] + np.arange(self.n_regions)).reshape(-1)
