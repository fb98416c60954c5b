"""Work runs only on surplus green power until it is due."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.packing import pack
from wattward.baselines.rules.prices import surplus_gpus_now
from wattward.baselines.rules.rule import JobRule
from wattward.envs.policy.orders import Orders
from wattward.envs.policy.outlook import Outlook


class SolarSoak(JobRule):
    """Jobs run on the GPUs that surplus covers, earliest deadline first. Due jobs run on the grid.

    Source: the idea of GreenSlot (Goiri et al., SC 2011): green energy first, grid energy only for deadlines. GreenSlot
    also plans with forecasts and uses cheap grid hours; this rule does not.
    Transfer: a job takes surplus of its own region, else of the region with most surplus. A malleable job runs on as
    many GPUs as surplus covers.
    """

    name = "SolarSoak"

    def act(self, outlook: Outlook) -> Orders:
        """Runs jobs where surplus is left."""
        jobs, surplus = outlook.jobs, surplus_gpus_now(outlook)
        most_first = np.broadcast_to(np.argsort(-surplus, kind="stable"), (jobs.number.size, outlook.n_regions))
        choices = np.column_stack([jobs.region, most_first])
        return pack(outlook, np.ones(jobs.number.size, np.bool_), choices, surplus).orders(outlook)
