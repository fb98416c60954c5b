"""Work runs while the price is low for the coming day."""

from __future__ import annotations

import numpy as np

from wattward.baselines.rules.rule import Rule
from wattward.baselines.voting import Votes, finish, hours_to_end
from wattward.configs.schema.base import ConfigError
from wattward.envs.decisions.action import Mode
from wattward.envs.policy.outlook import Outlook
from wattward.envs.policy.protocol import Modes

DAY_H = 24.0


class Threshold(Rule):
    """RUN while the tariff is at or below its q-quantile of the next 24 h, else wait; due work runs anyway.

    Source: suspend and resume by a threshold on the grid's signal, the control of Hanafy et al., "CarbonScaler",
    POMACS 2023; Sukprasert et al., "On the Limitations of Carbon-Aware Temporal and Spatial Workload Shifting in the
    Cloud", EuroSys 2024, find that rules as simple take most of the benefit.
    Transfer: none needed, regions decide one by one and the kernel runs what is due. Three variants: work that waits
    HOLDs; or SOAKs up surplus ("soak"); or that, and where the price is low and price x PUE is the lowest of all
    regions, others' work is PULLed ("pull").
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
        self.q, self.pull = q, pull
        self.waits = Mode.SOAK if soak or pull else Mode.HOLD

    def act(self, outlook: Outlook) -> Modes:
        """RUN (or PULL) where the price is low, else HOLD (or SOAK)."""
        low = is_low(outlook, self.q)
        modes = np.where(low, np.int64(Mode.RUN), np.int64(self.waits))
        if self.pull:
            cost = outlook.price_per_kwh * outlook.pue
            modes[low & (cost == cost.min())] = Mode.PULL
        return finish(outlook, modes)


def is_low(outlook: Outlook, q: float) -> Votes:
    """Regions whose price is at or below its q-quantile of the next 24 h or what is left of the episode, shape (R,)."""
    n_leads = round(min(DAY_H, hours_to_end(outlook)) / outlook.step_h)
    ahead = outlook.price_forecast_per_kwh[:n_leads]
    low: Votes = outlook.price_per_kwh <= np.quantile(ahead, q, axis=0) + 1e-9
    return low
