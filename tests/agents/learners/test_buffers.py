"""The buffers give what Stable-Baselines3's own give, whatever is in them and wherever the ring stands."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.buffers import NStepReplayBuffer, RolloutBuffer

from wattward.agents.learners.buffers import BatchReplayBuffer, FlatRolloutBuffer

OBSERVED = spaces.Box(-9.0, 9.0, (5,), np.float32)


def replay(kind: type[NStepReplayBuffer], seed: int, n_added: int, n_steps: int) -> NStepReplayBuffer:
    rng = np.random.default_rng(seed)
    buffer = kind(30, OBSERVED, spaces.Discrete(16), device="cpu", n_envs=3, n_steps=n_steps, gamma=0.9)
    for _ in range(n_added):
        observed, following = rng.normal(size=(2, 3, 5)).astype(np.float32)
        dones, truncated = rng.random((2, 3)) < 0.2
        infos = [{"TimeLimit.truncated": bool(cut and done)} for cut, done in zip(truncated, dones, strict=True)]
        buffer.add(observed, following, rng.integers(16, size=3), rng.normal(size=3), dones, infos)
    return buffer


@given(st.integers(0, 2**31), st.integers(1, 25), st.integers(1, 6), st.integers(1, 4))
def test_batches_drawn_at_once_are_those_drawn_one_by_one(seed: int, added: int, n_steps: int, n_batches: int) -> None:
    ours, theirs = (replay(kind, seed, added, n_steps) for kind in (BatchReplayBuffer, NStepReplayBuffer))
    assert isinstance(ours, BatchReplayBuffer)
    np.random.seed(seed)  # noqa: NPY002 - the generator that Stable-Baselines3 draws from
    batches = ours.sample_batches(7, n_batches)
    np.random.seed(seed)  # noqa: NPY002
    expected = [theirs.sample(7) for _ in range(n_batches)]
    for batch, other in zip(batches, expected, strict=True):
        for name in batch._fields:
            mine, its = getattr(batch, name), getattr(other, name)
            assert torch.equal(mine, its), name
            assert (mine.dtype, mine.shape) == (its.dtype, its.shape)


@pytest.mark.parametrize("space", [spaces.MultiDiscrete([4, 4]), spaces.Discrete(16)])
def test_a_rollout_is_dealt_into_the_same_batches(space: spaces.Space[np.int64]) -> None:
    dealt = []
    for kind in (FlatRolloutBuffer, RolloutBuffer):
        rng = np.random.default_rng(0)
        buffer = kind(8, OBSERVED, space, device="cpu", n_envs=3, gamma=0.9, gae_lambda=0.8)
        for _ in range(8):
            value, log_prob = torch.from_numpy(rng.normal(size=(2, 3)).astype(np.float32))
            actions = rng.integers(4, size=(3, *space.shape)) if space.shape else rng.integers(16, size=(3, 1))
            buffer.add(rng.normal(size=(3, 5)), actions, rng.normal(size=3), rng.random(3) < 0.2, value, log_prob)
        buffer.compute_returns_and_advantage(torch.zeros(3), np.zeros(3, dtype=bool))
        np.random.seed(0)  # noqa: NPY002
        dealt.append([batch for _ in range(2) for batch in buffer.get(6)])
    assert len(dealt[0]) == len(dealt[1]) == 8
    for ours, theirs in zip(*dealt, strict=True):
        assert all(torch.equal(a.float(), b) for a, b in zip(ours, theirs, strict=True))
