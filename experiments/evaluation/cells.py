"""Cells: the smallest units of an experiment, which are run, stored and sent as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from wattward.configs.digests import digest
from wattward.experiments.common.provenance import code_digest
from wattward.experiments.evaluation.methods import Method
from wattward.experiments.evaluation.worlds import Worlds


@dataclass(frozen=True)
class Cell:
    """The smallest unit of an experiment: one method on a block of episodes."""

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
        """Returns a hash of everything that determines the cell's records.

        Args:
            worlds_name: Result of `worlds.name()`, if it is known already.
        """
        who = (self.who.name, self.who.train_seed, self.who.content, code_digest() if self.who.learned else "")
        return digest(who, worlds_name or self.worlds.name(), self.first, self.after_last, self.seed)


def blocks(n_episodes: int, per_cell: int) -> list[tuple[int, int]]:
    """Splits episodes 0..n-1 into blocks, as pairs (first, after last); the second index is exclusive."""
    return [(first, min(first + per_cell, n_episodes)) for first in range(0, n_episodes, per_cell)]
