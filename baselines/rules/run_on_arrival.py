"""RUN everywhere: work runs where and when it arrives. It has saving 0 and score 0 by definition."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.envs.decisions.action import Mode
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class RunOnArrival(Rule):
    """The reference with which all other policies are compared; "carbon-agnostic, no wait" in the literature.

    Source: the baseline of Wiesner et al., "Let's Wait Awhile", Middleware 2021, and of most later work.
    """

    name = "RunOnArrival"

    def act(self, outlook: Outlook) -> Modes:
        """RUN in every region."""
        return np.full(outlook.n_regions, Mode.RUN, dtype=np.int64)
