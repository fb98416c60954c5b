"""Jobs run while the price is low compared with the coming day."""

from __future__ import annotations

import numpy as np

from wattward.baselines.present_jobs import hours_to_end
from wattward.baselines.rules.packing import Flags, Packed, pack, room_now
from wattward.baselines.rules.prices import surplus_gpus_now
from wattward.baselines.rules.rule import JobRule
from wattward.configs.schema.base import ConfigError
from wattward.envs.model.types import Floats
from wattward.envs.policy.orders import STAY, Orders
from wattward.envs.policy.outlook import Outlook

DAY_H = 24.0


class Threshold(JobRule):
    """A job runs while the price is at most the q-quantile of the coming 24 h. Due jobs always run.

    Source: suspend and resume by a threshold on the grid's signal, the control of Hanafy et al., "CarbonScaler",
    POMACS 2023; Sukprasert et al., "On the Limitations of Carbon-Aware Temporal and Spatial Workload Shifting in the
    Cloud", EuroSys 2024, find that such simple rules reach most of the benefit.
    Transfer: there are three variants. In the first, other jobs wait. With "soak" they also run on surplus power. With
    "pull", in addition, a job runs in the cheapest region whose price is low and that has room, if it cannot run at
    home.
    """

    def __init__(self, q: float, soak: bool = False, pull: bool = False) -> None:
        """A threshold at quantile `q`.

        Raises:
            ConfigError: q is not a share from 0 to 1.
        """
        variant = "-pull" if pull else "-soak" if soak else ""
        self.name = f"Threshold{variant}-{q:g}"
        if not 0.0 <= q <= 1.0:
            raise ConfigError(f"policy {self.name}: q = {q:g}: must be a number from 0 to 1")
        self.q, self.pull, self.soak = q, pull, soak or pull

    def act(self, outlook: Outlook) -> Orders:
        """Runs jobs where the price is low, or on surplus."""
        own, low = outlook.jobs.region[:, None], is_low(outlook, self.q)
        choices = np.where(low[own], own, STAY)
        if self.pull:
            cheapest_first = np.argsort(outlook.price_per_kwh * outlook.pue, kind="stable")
            others = np.where(low[cheapest_first], cheapest_first, STAY)
            choices = np.hstack([choices, np.broadcast_to(others, (own.size, others.size))])
        packed = pack(outlook, np.ones(own.size, np.bool_), choices, room_now(outlook))
        if self.soak:
            waits = packed.run_in == STAY
            sunny = pack(outlook, waits, own, self._surplus_left(outlook, packed))
            packed = Packed(*(np.where(waits, new, old) for new, old in zip(sunny, packed, strict=True)))
        return packed.orders(outlook)

    def _surplus_left(self, outlook: Outlook, packed: Packed) -> Floats:
        runs = packed.run_in != STAY
        taken = np.bincount(packed.run_in[runs], weights=packed.gpus[runs], minlength=outlook.n_regions)
        return np.maximum(0.0, surplus_gpus_now(outlook) - taken)


def is_low(outlook: Outlook, q: float) -> Flags:
    """Whether a price is at most its q-quantile over the next 24 h or the rest of the episode, shape (R,)."""
    n_leads = round(min(DAY_H, hours_to_end(outlook)) / outlook.step_h)
    ahead = outlook.price_forecast_per_kwh[:n_leads]
    low: Flags = outlook.price_per_kwh <= np.quantile(ahead, q, axis=0) + 1e-9
    return low
