"""Work runs while the price is low compared with the coming day."""

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
    """RUN while the tariff is at or below its q-quantile of the next 24 h, else wait. Due work always runs.

    Source: suspend and resume by a threshold on the grid's signal, the control of Hanafy et al., "CarbonScaler",
    POMACS 2023; Sukprasert et al., "On the Limitations of Carbon-Aware Temporal and Spatial Workload Shifting in the
    Cloud", EuroSys 2024, find that such simple rules reach most of the benefit.
    Transfer: none needed, because regions decide separately and the kernel runs due work. There are three variants. In
    the first, waiting regions HOLD. With "soak" they SOAK. With "pull" they SOAK, and a region with a low price and the
    lowest price x PUE of all regions PULLs.
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
    """Whether a price is at most its q-quantile over the next 24 h or the rest of the episode, shape (R,)."""
    n_leads = round(min(DAY_H, hours_to_end(outlook)) / outlook.step_h)
    ahead = outlook.price_forecast_per_kwh[:n_leads]
    low: Votes = outlook.price_per_kwh <= np.quantile(ahead, q, axis=0) + 1e-9
    return low
