"""Independent random streams of an episode: each process draws from its own, so none changes the draws of the others.

The generator is Philox, which computes its numbers from a key and a counter. The key is that of the episode; the number
of the process and of its part are words of the counter. `wattward.envs.world.compiled.philox` has the same streams.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

PROCESSES = (
    "start",
    "sun",
    "wind",
    "river",
    "air",
    "interactive",
    "jobs",
    "replay_weather",
    "replay_interactive",
    "disturbances",
    "market",
    "grid_events",
    "replay_jobs",
)
"""Processes in the order of their streams. Append only."""


def key_of(seed: np.random.SeedSequence) -> Words:
    """The key of an episode's streams, shape (2,)."""
    return seed.generate_state(2, np.uint64).astype(np.uint64)


def stream_of(process: str, part: int = 0) -> Words:
    """The words of the counter that choose a stream, shape (2,)."""
    return np.array([PROCESSES.index(process), part], np.uint64)


def generator_of(seed: np.random.SeedSequence, process: str, part: int = 0) -> np.random.Generator:
    """The generator of a process, at the start of its stream. The seed is not changed."""
    counter = np.concatenate([np.zeros(2, np.uint64), stream_of(process, part)])
    return np.random.Generator(np.random.Philox(key=key_of(seed), counter=counter))


class Generators(Mapping[str, np.random.Generator]):
    """The generators of all processes of an episode; each is made when it is asked for first."""

    def __init__(self, seed: np.random.SeedSequence) -> None:
        """Takes the episode's seed."""
        self._seed = seed
        self._made: dict[str, np.random.Generator] = {}

    def __getitem__(self, process: str) -> np.random.Generator:
        if process not in self._made:
            self._made[process] = generator_of(self._seed, process)
        return self._made[process]

    def __iter__(self) -> Iterator[str]:
        return iter(PROCESSES)

    def __len__(self) -> int:
        return len(PROCESSES)
