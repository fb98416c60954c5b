"""Jobs run at once, in the region that is best at this moment: CheapestNow and GreenestNow."""

from __future__ import annotations

import numpy as np

from wattward.baselines.present_jobs import per_region, settled
from wattward.baselines.rules.packing import pack
from wattward.baselines.rules.rule import JobRule
from wattward.envs.model.types import Floats
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

LOAD_LIMIT = 0.8


class CheapestNow(JobRule):
    """Fills the region with the lowest price x PUE up to 80 % load, then the next. Work is never deferred.

    Source: electricity-price-aware routing, Qureshi et al., "Cutting the Electric Bill for Internet-Scale Systems",
    SIGCOMM 2009; "lowest price" in SustainCluster (NeurIPS 2025 Datasets and Benchmarks).
    Transfer: running rigid jobs stay; other jobs are placed again at each step, earliest deadline first. A job that
    finds no room below 80 % load runs in its region.
    """

    name = "CheapestNow"

    def act(self, outlook: Outlook) -> Orders:
        """Runs each job in the best region with room, else in its own."""
        jobs, stays = outlook.jobs, settled(outlook)
        held = per_region(outlook, np.where(stays, jobs.gpus, 0.0))
        room = np.maximum(0.0, LOAD_LIMIT * outlook.fleet_gpus - outlook.interactive_forecast_gpus[0] - held)
        best_first = np.argsort(self.rate(outlook), kind="stable")
        found = pack(outlook, ~stays, best_first, room, whole=True).run_in
        return Orders(np.where(found == STAY, jobs.region, found), run_due=True)

    def rate(self, outlook: Outlook) -> Floats:
        """Score of each region, shape (R,), lowest is best: price x PUE [currency/kWh of IT]."""
        return outlook.price_per_kwh * outlook.pue


class GreenestNow(CheapestNow):
    """Fills the region with the lowest carbon intensity up to 80 % load, then the next. Work is never deferred.

    Source: Zhou et al., "Carbon-Aware Load Balancing for Geo-Distributed Cloud Services", MASCOTS 2013; "lowest carbon"
    in SustainCluster (NeurIPS 2025 Datasets and Benchmarks).
    Transfer: as `CheapestNow`, with the grid's intensity instead of price x PUE.
    """

    name = "GreenestNow"

    def rate(self, outlook: Outlook) -> Floats:
        """Carbon intensity of the grid now [kg/kWh], shape (R,), lowest first."""
        intensity: Floats = outlook.carbon_forecast_kg_per_kwh[0]
        return intensity
