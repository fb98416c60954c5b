"""One protocol for all policies, learned or not, and what a policy may see."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wattward.envs.policy.outlook import Outlook

Modes = NDArray[np.int64]
Shares = NDArray[np.float64]


class Policy(Protocol):
    """Chooses a mode for every region, or shares of its free GPUs, step by step.

    `reset` is called once before the first `act` of every episode. A policy takes all its randomness from `rng`.
    """

    @property
    def name(self) -> str:
        """The method's name on a leaderboard."""
        ...

    def reset(self, outlook: Outlook, rng: np.random.Generator) -> None:
        """Forgets the last episode; `outlook` is that of step 0."""
        ...

    def act(self, outlook: Outlook) -> Modes | Shares:
        """Modes of this step, shape (R,), values of `Mode`; or shares in 0..1, shape (R, 2).

        Shares are of the free GPUs for the own queue, then of what is left for others' work.
        """
        ...
