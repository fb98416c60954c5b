"""The observation: one float32 vector of named, hand-scaled fields.

The vector holds the clock, then the same block of fields for each region. The table of fields in
`wattward.envs.model.observation` is the only description of the layout.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from wattward.envs.kernels.ahead import Encoding
from wattward.envs.kernels.entries import ENTRIES
from wattward.envs.model.observation import (
    BLOCK_EDGES_H,
    HIGH,
    LOW,
    N_CLOCK,
    N_FORECASTS,
    N_WORLD,
    Field,
    fields_of,
    region_width,
)
from wattward.envs.world.signals import forecast_tables

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.layout import Rows
    from wattward.envs.model.types import Floats, Signals

Views = MappingProxyType[str, NDArray[np.float32]]


def block_of_lead(scenario: Scenario) -> NDArray[np.int64]:
    """The forecast block of each lead, shape (L,); -1 for lead 0, which is the present."""
    lead_h = np.arange(scenario.horizon + 1) * scenario.step_h
    return np.searchsorted(BLOCK_EDGES_H, lead_h - 1e-9, side="left").astype(np.int64) - 1


class Observer:
    """Encodes and decodes the observations of a scenario's environments.

    Attributes:
        size: How many numbers a single observation has.
        space: The Box of a single observation.
        n_world: How many numbers of an observation depend on the world alone.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Prepares the encoding; raises ValueError if the forecast horizon exceeds the last block edge."""
        blocks = block_of_lead(scenario)
        if blocks.max() >= len(BLOCK_EDGES_H) - 1:
            raise ValueError(f"forecast.horizon_h = {scenario.forecast.horizon_h}: must be at most {BLOCK_EDGES_H[-1]}")
        self.n_regions, self.n_blocks = scenario.n_regions, int(blocks.max()) + 1
        extra = ("extra",) if scenario.is_extended else ()
        self._clock_fields, self._region_fields = fields_of("clock"), fields_of("world", "present", "forecast", *extra)
        self.width = region_width(self.n_blocks, scenario.is_extended)
        self.size = N_CLOCK + self.n_regions * self.width
        self.space = spaces.Box(LOW, HIGH, (self.size,), np.float32)
        self.n_world = N_CLOCK + self.n_regions * (N_WORLD + N_FORECASTS * self.n_blocks)
        self._encoding = _encoding(scenario, blocks)

    def look_ahead(
        self,
        scenario: Rows,
        sites: Rows,
        start_minute: int,
        series: Floats,
        signals: Signals,
        out: NDArray[np.float32],
    ) -> None:
        """Computes the part of observations that depends on the world alone, for each step.

        Args:
            scenario: A row of SCENARIO, shape (1,).
            sites: Rows of SITE, shape (R,).
            start_minute: Start of the episode.
            series: Series of the world, shape (N_SERIES, R, N).
            signals: What forecasts are made of (B = 1).
            out: Receives the result; shape (T, n_world). T is at most the steps drawn less the forecast horizon.

        Raises:
            ValueError: the world has no signals, so that nothing can be forecast.
        """
        if not signals.slow.size:
            raise ValueError("the world has no signals (NO_SIGNALS): it cannot be observed")
        ENTRIES.look_ahead(scenario, sites, start_minute, series, signals, self._encoding, out)

    def views(self, observation: NDArray[np.float32]) -> Views:
        """Named views of one observation: clock fields (width,), region fields (R, width)."""
        regions = observation[N_CLOCK:].reshape(self.n_regions, self.width)
        clock = self._named(self._clock_fields, observation[:N_CLOCK])
        return MappingProxyType(clock | self._named(self._region_fields, regions))

    def _named(self, fields: tuple[Field, ...], numbers: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        ends = np.cumsum([field.width or self.n_blocks for field in fields])
        parts = np.split(numbers, ends[:-1], axis=-1)
        return dict(zip((field.name for field in fields), parts, strict=True))


def _encoding(scenario: Scenario, blocks: NDArray[np.int64]) -> Encoding:
    price = np.mean([abs(scenario.tariffs[region.tariff].mean_price_per_kwh) for region in scenario.regions])
    carbon = np.mean([region.carbon.mean_kg_per_kwh for region in scenario.regions])
    leads = np.bincount(blocks[1:], minlength=int(blocks.max()) + 1)
    return Encoding(
        price_scale=max(float(price), 1e-6),
        carbon_scale=max(float(carbon), 1e-6),
        block_of_lead=blocks,
        n_blocks=int(blocks.max()) + 1,
        lead_weight=np.where(blocks >= 0, 1.0 / np.maximum(leads[blocks], 1), 0.0),
        forecast=forecast_tables(scenario),
    )
