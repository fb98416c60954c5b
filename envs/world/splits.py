"""Numbers of episodes: splits that never share an episode, the seed of each episode, and the version of all worlds."""

from __future__ import annotations

import numpy as np

WORLDS_VERSION = "v1"
"""Version of the worlds: in ids of environments, records and results. It grows whenever the same episode number gives
another world or another observation. Episodes of different versions cannot be compared."""
UNSTATED_WORLDS = "v0"
"""Version of the worlds of results and agents that state none."""
SPLITS = {"train": 0, "validation": 1, "test": 2}
"""Names of the splits, each with a key that makes its seeds differ from those of other splits."""
SPLIT_ENTROPY = 20261121
N_TRAINING_EPISODES = 2**31
"""Number of episodes from which a random episode is chosen."""


def episode_seed(split: str, index: int) -> np.random.SeedSequence:
    """The seed of an episode. It differs between splits and between the indices of a split.

    Raises:
        ConfigError: the split does not exist, or the index is negative.
    """
    from wattward.configs.schema.base import ConfigError  # here, because `import wattward` needs the version alone

    if split not in SPLITS:
        raise ConfigError(f"split = {split!r}: must be one of {', '.join(SPLITS)}")
    if index < 0:
        raise ConfigError(f"episode = {index}: must be 0 or more")
    return np.random.SeedSequence(SPLIT_ENTROPY, spawn_key=(SPLITS[split], index))


def key_of(split: str) -> int:
    """The key that makes a split's seeds and scenarios differ from those of other splits."""
    return SPLITS[split]


def choose(rng: np.random.Generator) -> int:
    """Draws the number of a random episode."""
    return int(rng.integers(N_TRAINING_EPISODES))
