"""How a scenario's environments are observed: the space, the part that depends on the world alone, named views."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.configs.schema.scenario import Scenario
from wattward.envs.kernels.ahead import Encoding
from wattward.envs.kernels.entries import ENTRIES
from wattward.envs.model.layout import HIGH, LOW, N_CLOCK, N_EXTRA, N_PRESENT, N_SLACK, N_WORLD
from wattward.envs.model.types import Exogenous, Params
from wattward.envs.policy.fields import BLOCK_EDGES_H, CLOCK_FIELDS, EXTRA_FIELDS, REGION_FIELDS, Views, block_of_lead


class Observer:
    """Knows how a scenario's environments are observed.

    Attributes:
        size: Numbers of a single observation.
        space: The Box of it.
        n_world: Numbers of an observation that depend on the world alone.
    """

    def __init__(self, scenario: Scenario, params: Params) -> None:
        """Raises ValueError if the forecast horizon exceeds the last block edge."""
        blocks = block_of_lead(scenario)
        if blocks.max() >= len(BLOCK_EDGES_H) - 1:
            raise ValueError(f"forecast.horizon_h = {scenario.forecast.horizon_h}: must be at most {BLOCK_EDGES_H[-1]}")
        self.n_regions, self.n_blocks = scenario.n_regions, int(blocks.max()) + 1
        self._region_fields = REGION_FIELDS + (EXTRA_FIELDS if scenario.is_extended else ())
        self.width = N_PRESENT + N_SLACK + 3 * self.n_blocks + (N_EXTRA if scenario.is_extended else 0)
        self.size = N_CLOCK + self.n_regions * self.width
        self.space = spaces.Box(LOW, HIGH, (self.size,), np.float32)
        self.n_world = N_CLOCK + self.n_regions * (N_WORLD + 3 * self.n_blocks)
        self._encoding = _encoding(scenario, params, blocks)

    def look_ahead(self, params: Params, world: Exogenous, out: NDArray[np.float32]) -> None:
        """What observations say of a world, step by step.

        Args:
            params: Params of B = 1.
            world: Exogenous of B = 1.
            out: Written; shape (T, n_world), T at most the steps drawn less the forecast horizon.
        """
        ENTRIES.look_ahead(params, world, self._encoding, out)

    def views(self, observation: NDArray[np.float32]) -> Views:
        """Named views of one observation: clock fields (width,), region fields (R, width)."""
        named: dict[str, NDArray[np.float32]] = {}
        regions = observation[N_CLOCK:].reshape(self.n_regions, self.width)
        for fields, source in ((CLOCK_FIELDS, observation[None, :N_CLOCK]), (self._region_fields, regions)):
            at = 0
            for field in fields:
                width = field.width or self.n_blocks
                named[field.name] = source[:, at : at + width]
                at += width
        named |= {field.name: named[field.name][0] for field in CLOCK_FIELDS}
        return MappingProxyType(named)


def _encoding(scenario: Scenario, params: Params, blocks: NDArray[np.int64]) -> Encoding:
    rho = params.forecast_rho[0]
    price = np.mean([abs(scenario.tariffs[region.tariff].mean_price_per_kwh) for region in scenario.regions])
    carbon = np.mean([region.carbon.mean_kg_per_kwh for region in scenario.regions])
    leads = np.bincount(blocks[1:], minlength=int(blocks.max()) + 1)
    return Encoding(
        price_scale=max(float(price), 1e-6),
        carbon_scale=max(float(carbon), 1e-6),
        block_of_lead=blocks,
        n_blocks=int(blocks.max()) + 1,
        lead_weight=np.where(blocks >= 0, 1.0 / np.maximum(leads[blocks], 1), 0.0),
        truth_weight=rho**2,
        noise_weight=rho * np.sqrt(1.0 - rho**2),
    )
