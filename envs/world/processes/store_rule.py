"""The default rule for stores: charge at low prices of the coming day, discharge at high prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario
    from wattward.envs.model.types import Floats

VALLEY = 8
"""Stores may charge in the 8 cheapest of the coming 24 hours, and discharge in the 8 most expensive ones."""
APART = 0.15
"""Least relative difference from the mean price, which pays for losses of storage."""
HOURS = 24


def store_order(scenario: Scenario, price_per_kwh: Floats) -> Floats:
    """Orders of the rule, shape (N, R): 1 charge, -1 discharge, 0 neither; 0 in regions without stores.

    Args:
        scenario: the scenario.
        price_per_kwh: price of each step, shape (N, R). Orders of the last day see fewer hours.
    """
    order = np.zeros(price_per_kwh.shape)
    per_hour = max(1, round(1.0 / scenario.step_h))
    for r, region in enumerate(scenario.regions):
        if region.stores:
            order[:, r] = _orders(price_per_kwh[:, r], per_hour)
    return order


def _orders(price: Floats, per_hour: int) -> Floats:
    padded = np.concatenate([price, np.full((HOURS - 1) * per_hour, price[-1])])
    coming = sliding_window_view(padded, (HOURS - 1) * per_hour + 1)[: price.size, ::per_hour]
    ranked = np.sort(coming, axis=1)
    mean = ranked.mean(axis=1)
    charges = (price <= ranked[:, VALLEY - 1]) & (price < mean - APART * np.abs(mean))
    discharges = (price >= ranked[:, -VALLEY]) & (price > mean + APART * np.abs(mean))
    orders: Floats = charges.astype(np.float64) - discharges
    return orders
