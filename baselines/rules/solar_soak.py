"""Work runs only on surplus green power until it is due."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import finish
from wattward.envs.decisions.action import Mode
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes


class SolarSoak(Rule):
    """SOAK everywhere: work runs as far as surplus covers it. Due work runs on the grid.

    Source: the idea of GreenSlot (Goiri et al., SC 2011): green energy first, grid energy only for deadlines. GreenSlot
    also plans with forecasts and uses cheap grid hours; this rule does not.
    """

    name = "SolarSoak"

    def act(self, outlook: Outlook) -> Modes:
        """SOAK in every region."""
        return finish(outlook, np.full(outlook.n_regions, Mode.SOAK, dtype=np.int64))
