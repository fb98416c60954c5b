"""One protocol for all policies, learned or not, and what a policy may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wattward.envs.policy.outlook import Outlook

Sight = Literal["what may be known", "everything"]
"""What a policy is shown: an outlook of what may be known, or, for a diagnostic, a perfect one."""
Modes = NDArray[np.int64]
Shares = NDArray[np.float64]


class Policy(Protocol):
    """Chooses a mode for every region, or shares of its free GPUs, step by step.

    `reset` is called once before the first `act` of every episode. A policy takes all its randomness from `rng`.
    A diagnostic, which must never be ranked, may have a further attribute `sees = "everything"`; see `sees_everything`.
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


def sees_everything(policy: Policy) -> bool:
    """Whether a policy is a diagnostic that is shown perfect outlooks, which no method that is ranked may be."""
    sight: Sight = getattr(policy, "sees", "what may be known")
    return sight == "everything"
