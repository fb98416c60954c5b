"""How episodes are numbered: splits that never share one, and the seed of each."""

from __future__ import annotations

import numpy as np

from wattward.configs.schema.base import ConfigError

SPLITS = {"train": 0, "validation": 1, "test": 2}
"""Name of each split and the key that keeps its seeds apart from the others'."""
SPLIT_ENTROPY = 20261121
N_TRAINING_EPISODES = 2**31
"""A random episode is one of so many."""


def episode_seed(split: str, index: int) -> np.random.SeedSequence:
    """The seed of an episode; two splits, or two indices of one, never share it.

    Raises:
        ConfigError: no such split, or a negative index.
    """
    if split not in SPLITS:
        raise ConfigError(f"split = {split!r}: must be one of {', '.join(SPLITS)}")
    if index < 0:
        raise ConfigError(f"episode = {index}: must be 0 or more")
    return np.random.SeedSequence(SPLIT_ENTROPY, spawn_key=(SPLITS[split], index))


def key_of(split: str) -> int:
    """The number that keeps a split's seeds and scenarios apart from the others'."""
    return SPLITS[split]


def choose(rng: np.random.Generator) -> int:
    """The number of a random episode."""
    return int(rng.integers(N_TRAINING_EPISODES))
