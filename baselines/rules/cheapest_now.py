"""Work goes where power is cheapest, or cleanest, at this moment."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import by_place, fill, per_region, settled
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

LOAD_LIMIT = 0.8


class CheapestNow(Rule):
    """Fills the region with the lowest price x PUE up to 80 % load, then the next; never defers.

    Source: electricity-price-aware routing, Qureshi et al., "Cutting the Electric Bill for Internet-Scale Systems",
    SIGCOMM 2009; "lowest price" in SustainCluster (NeurIPS 2025 Datasets and Benchmarks).
    Transfer: votes on place (`votes`). Rigid jobs that run stay; malleable work is placed anew each step. What finds no
    room below 80 % anywhere stays where it is.
    """

    name = "CheapestNow"

    def act(self, outlook: Outlook) -> Modes:
        """RUN; PULL in the best regions with room, HOLD where most of the waiting work wants to leave."""
        stay = settled(outlook)
        held = per_region(outlook, np.where(stay, outlook.jobs.gpus, 0.0))
        room = np.maximum(0.0, LOAD_LIMIT * outlook.fleet_gpus - outlook.interactive_forecast_gpus[0] - held)
        return by_place(outlook, fill(outlook, self.rate(outlook), room, stay))

    def rate(self, outlook: Outlook) -> Floats:
        """What makes a region good, shape (R,), lowest first: tariff x PUE [yuan/kWh of IT]."""
        return outlook.price_per_kwh * outlook.pue
