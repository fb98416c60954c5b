"""The protocol of all policies, learned or not, and what a policy may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wattward.envs.policy.orders import Orders
    from wattward.envs.policy.outlook import Outlook

Sight = Literal["what may be known", "everything"]
"""What a policy sees: an outlook of what may be known, or, for a diagnostic, a perfect outlook."""
Modes = NDArray[np.int64]
Shares = NDArray[np.float64]
Decision: TypeAlias = "Orders | Modes | Shares"
"""What a policy may answer, see `Policy.act`."""


class Policy(Protocol):
    """Gives orders to jobs, or chooses a mode or shares of the free GPUs for every region, in every step.

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

    def act(self, outlook: Outlook) -> Decision:
        """Returns the decision of a step, in one of three forms.

        `Orders` say of each job in `outlook.jobs` whether it waits or in which region it runs. Modes, shape (R,), are
        values of `Mode`. Shares, shape (R, 2), lie in 0..1: the first share is of the free GPUs, for the region's own
        queue; the second is of the GPUs that are then left, for work of other regions.
        """
        ...


def sees_everything(policy: Policy) -> bool:
    """Whether a policy is a diagnostic that gets perfect outlooks; such a policy must never be ranked."""
    sight: Sight = getattr(policy, "sees", "what may be known")
    return sight == "everything"
