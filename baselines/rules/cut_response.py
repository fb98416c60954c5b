"""Work leaves a region that the grid asks to cut its power."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.envs.decisions.action import Mode
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class CutResponse(Rule):
    """As RunOnArrival, but a region HOLDs from the announcement to the end of a cut while the others PULL.

    Source: the demonstration of 4 July 2025 between Lingang (Shanghai) and Danjiangkou, in which work moved within
    three minutes of the grid's request.
    """

    name = "CutResponse"

    def act(self, outlook: Outlook) -> Modes:
        """HOLD in regions with an announced or active cut, PULL in the others during it; RUN when there is no cut."""
        asked = outlook.announced_cut_kw > 0.0
        otherwise = Mode.PULL if asked.any() else Mode.RUN
        return np.where(asked, Mode.HOLD, otherwise).astype(np.int64)
