"""Work moves to the region where power is cheapest at this moment."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import by_place, fill, per_region, settled
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

LOAD_LIMIT = 0.8


class CheapestNow(Rule):
    """Fills the region with the lowest price x PUE up to 80 % load, then the next. Work is never deferred.

    Source: electricity-price-aware routing, Qureshi et al., "Cutting the Electric Bill for Internet-Scale Systems",
    SIGCOMM 2009; "lowest price" in SustainCluster (NeurIPS 2025 Datasets and Benchmarks).
    Transfer: votes on place (see `voting`). Running rigid jobs stay; malleable work is placed again at each step. Work
    that finds no room below 80 % load stays in its region.
    """

    name = "CheapestNow"

    def act(self, outlook: Outlook) -> Modes:
        """PULL in the best regions with room, HOLD where most waiting work votes to leave, RUN elsewhere."""
        stay = settled(outlook)
        held = per_region(outlook, np.where(stay, outlook.jobs.gpus, 0.0))
        room = np.maximum(0.0, LOAD_LIMIT * outlook.fleet_gpus - outlook.interactive_forecast_gpus[0] - held)
        return by_place(outlook, fill(outlook, self.rate(outlook), room, stay))

    def rate(self, outlook: Outlook) -> Floats:
        """Score of each region, shape (R,), lowest is best: price x PUE [currency/kWh of IT]."""
        return outlook.price_per_kwh * outlook.pue
