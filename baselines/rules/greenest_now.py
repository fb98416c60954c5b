"""Work moves to the region with the cleanest grid at this moment."""

from __future__ import annotations

from wattward.baselines.rules.cheapest_now import CheapestNow
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook


class GreenestNow(CheapestNow):
    """Fills the region with the lowest carbon intensity up to 80 % load, then the next. Work is never deferred.

    Source: Zhou et al., "Carbon-Aware Load Balancing for Geo-Distributed Cloud Services",
    MASCOTS 2013; "lowest carbon" in SustainCluster (NeurIPS 2025 Datasets and Benchmarks).
    Transfer: as `CheapestNow`, with the grid's intensity instead of price x PUE.
    """

    name = "GreenestNow"

    def rate(self, outlook: Outlook) -> Floats:
        """Carbon intensity of the grid now [kg/kWh], shape (R,), lowest first."""
        intensity: Floats = outlook.carbon_forecast_kg_per_kwh[0]
        return intensity
