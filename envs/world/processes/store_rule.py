"""The rule that orders stores where no agent does: charge in valleys of the coming day's prices, discharge in peaks."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wattward.configs.schema.scenario import Scenario
from wattward.envs.model.types import Floats

VALLEY = 8
"""Of the coming 24 hours' prices, the 8 cheapest may be a valley and the 8 dearest a peak."""
APART = 0.15
"""They are only where they differ from those hours' mean by more than this share of it, for what storing loses."""
HOURS = 24


def store_order(scenario: Scenario, price_per_kwh: Floats) -> Floats:
    """Orders by the rule, shape (N, R): 1 charge, -1 discharge, 0 neither; 0 where a region has no store.

    Args:
        scenario: its regions and step.
        price_per_kwh: of each step, shape (N, R); the last day's orders see fewer hours of it.
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
