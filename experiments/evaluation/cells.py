"""Cells: the smallest pieces of an experiment, which are run, kept and sent as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from wattward.configs.digests import digest
from wattward.experiments.common.provenance import code_digest
from wattward.experiments.evaluation.methods import Method
from wattward.experiments.evaluation.worlds import Worlds


@dataclass(frozen=True)
class Cell:
    """The smallest piece of an experiment: one method on a block of episodes."""

    who: Method
    worlds: Worlds
    first: int
    after_last: int
    seed: int = 0

    @property
    def episodes(self) -> range:
        """Indices of its episodes."""
        return range(self.first, self.after_last)

    def name(self, worlds_name: str | None = None) -> str:
        """Names everything that determines its records; `worlds_name` is that of its worlds, where it is known."""
        who = (self.who.name, self.who.train_seed, self.who.content, code_digest() if self.who.learned else "")
        return digest(who, worlds_name or self.worlds.name(), self.first, self.after_last, self.seed)


def blocks(n_episodes: int, per_cell: int) -> list[tuple[int, int]]:
    """Episodes 0..n-1 cut into [first, after the last) pairs."""
    return [(first, min(first + per_cell, n_episodes)) for first in range(0, n_episodes, per_cell)]
