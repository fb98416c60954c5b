"""The protocol of all policies, learned or not, and what a policy may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wattward.envs.policy.outlook import Outlook

Sight = Literal["what may be known", "everything"]
"""What a policy sees: an outlook of what may be known, or, for a diagnostic, a perfect outlook."""
Modes = NDArray[np.int64]
Shares = NDArray[np.float64]


class Policy(Protocol):
    """Chooses a mode for every region, or shares of its free GPUs, in every step.

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
        """Returns modes, shape (R,), values of `Mode`; or shares in 0..1, shape (R, 2).

        The first share is of the free GPUs, for the region's own queue. The second is of the GPUs that are then left,
        for work of other regions.
        """
        ...


def sees_everything(policy: Policy) -> bool:
    """Whether a policy is a diagnostic that gets perfect outlooks; such a policy must never be ranked."""
    sight: Sight = getattr(policy, "sees", "what may be known")
    return sight == "everything"
