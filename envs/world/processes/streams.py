"""Creates many independent random streams from one seed, identical to numpy's own but faster.

A child's seed is the parent's seed mixed with one more word. The common part of the mixing is done once for all
children. It is the algorithm of `numpy.random.SeedSequence`, which numpy keeps stable (NEP 19), with the constants of
O'Neill's `randutils::seed_seq_fe`. A thousand generators take as long as sixty would with numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray

from wattward.envs.kernels.compiling import entry

WORD_BITS, WORD = 32, 0xFFFFFFFF
INIT_A, MULT_A = 0x43B0D7E5, 0x931E8875
INIT_B, MULT_B = 0x8B51F9DD, 0x58F38DED
MIX_LEFT, MIX_RIGHT = 0xCA01F9DD, 0x4973F715
HALF = 16
PCG64_WORDS = 4

Words = NDArray[np.uint64]


def child_of(seed: np.random.SeedSequence, i: int) -> np.random.SeedSequence:
    """Child `i` of a seed, equal to the one that `spawn` gives. The seed itself is not changed."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, i), pool_size=seed.pool_size)


def generators_of(seed: np.random.SeedSequence, n: int) -> list[np.random.Generator]:
    """Generators for the first `n` children of a seed, equal to those of `default_rng`. The seed is not changed."""
    pool = seed.pool.astype(np.uint64)
    own_words = max(_words_in(seed.entropy), pool.size) + _words_in(seed.spawn_key)
    states = np.empty((n, PCG64_WORDS), dtype=np.uint64)
    _fill_states(pool, INIT_A * pow(MULT_A, pool.size * own_words, 1 << WORD_BITS) & WORD, states)
    return [np.random.Generator(np.random.PCG64(cast("np.random.SeedSequence", _Ready(state)))) for state in states]


class _Ready(ISeedSequence):
    """A seed with precomputed words."""

    def __init__(self, state: Words) -> None:
        self.state = state

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint64) -> NDArray[Any]:  # noqa: ARG002
        return self.state


def _words_in(value: int | Sequence[int] | None) -> int:
    """The 32-bit words of a number (at least one), or of a sequence of numbers."""
    if isinstance(value, int | np.integer):
        return max(1, -(-int(value).bit_length() // WORD_BITS))
    return sum(_words_in(number) for number in value or ())


@entry
def _fill_states(pool: Words, hash_before: int, states: Words) -> None:
    """Mixes word i into the pool for child i, then hashes the pool into its state (PCG64_WORDS,) [64 bits each]."""
    mixed = np.empty_like(pool)
    for i in range(states.shape[0]):
        factor = np.uint64(hash_before)
        for place in range(pool.size):
            value = (np.uint64(i) ^ factor) & np.uint64(WORD)
            factor = factor * np.uint64(MULT_A) & np.uint64(WORD)
            value = value * factor & np.uint64(WORD)
            value ^= value >> np.uint64(HALF)
            value = (np.uint64(MIX_LEFT) * pool[place] - np.uint64(MIX_RIGHT) * value) & np.uint64(WORD)
            mixed[place] = value ^ (value >> np.uint64(HALF))
        factor = np.uint64(INIT_B)
        for word in range(2 * states.shape[1]):
            value = mixed[word % pool.size] ^ factor
            factor = factor * np.uint64(MULT_B) & np.uint64(WORD)
            value = value * factor & np.uint64(WORD)
            value ^= value >> np.uint64(HALF)
            if word % 2 == 0:
                states[i, word // 2] = value
            else:
                states[i, word // 2] |= value << np.uint64(WORD_BITS)
