"""Independent streams of random numbers from one seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def child_of(seed: np.random.SeedSequence, i: int) -> np.random.SeedSequence:
    """Child `i` of a seed, as `spawn` makes it first; the seed itself is not changed."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i), pool_size=seed.pool_size)


def children_of(seed: np.random.SeedSequence, n: int) -> Iterator[np.random.Generator]:
    """A generator for each of the first `n` children of a seed."""
    return (np.random.default_rng(child_of(seed, i)) for i in range(n))
