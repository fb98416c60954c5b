"""Compares a ledger with the simulator's own sums."""

from __future__ import annotations

import numpy as np

from wattward.envs.accounting.hourly import ELECTRICITY_TERMS, N_PLANTS, STORAGE, Hourly
from wattward.envs.accounting.supplies import SUPPLIES
from wattward.envs.model.types import Floats, Flows

LEAST = 1.0
"""Amounts below this [kWh, GPU-h, g, currency] are compared as if they were this large."""
OWN = ("sun_kw", "wind_kw", "hydro_kw", "recovered_kw")


def ledger_difference(hourly: Hourly, total: Flows, class_gpu_h: Floats, step_h: float, b: int = 0) -> float:
    """The largest relative difference between a ledger and the flows from which it was made.

    These are compared by region: the energy [kWh] of all consumers, of each supply and of charging; the delivered, sold
    and curtailed energy of plants; GPU-h of requests and of each job class; carbon; and the electricity bill.

    Args:
        hourly: the ledger of environment `b`.
        total: sums of the flows over the same steps, (B, R).
        class_gpu_h: sums of the work done by job class, (B, R, C) [GPU-h].
        step_h: length of a step [h].
        b: index of the environment in the batch.
    """
    pairs = _pairs(hourly, {name: field[b] for name, field in total._asdict().items()}, class_gpu_h[b], step_h)
    return max(float((np.abs(held - true) / np.maximum(np.abs(true), LEAST)).max()) for held, true in pairs)


def _pairs(hourly: Hourly, total: dict[str, Floats], class_gpu_h: Floats, step_h: float) -> list[tuple[Floats, Floats]]:
    """Pairs of a ledger's value and the simulator's value, each (R,) or (R, C)."""
    kwh = {name: total[name] * step_h for name in total if name.endswith("_kw")}
    by_supply, by_consumer = hourly.kwh.sum(axis=(0, 2)), hourly.kwh.sum(axis=(0, 3))
    own = sum((kwh[name] for name in OWN), np.zeros(len(hourly.regions)))
    green = own + kwh["direct_kw"] + kwh["contract_kw"] - kwh["curtailed_kw"] - kwh["sold_kw"]
    facility = kwh["it_kw"] + kwh["cooling_kw"] + kwh["wan_kw"] + kwh["charge_kw"]
    bill = sum((total[name] for name in ELECTRICITY_TERMS), np.zeros(len(hourly.regions)))
    return [
        (by_consumer.sum(axis=1), facility),
        (by_consumer[:, hourly.consumers.index(STORAGE)], kwh["charge_kw"]),
        (by_supply[:, :N_PLANTS].sum(axis=1), green),
        (by_supply[:, SUPPLIES.index("contract")], kwh["contract_kw"]),
        (by_supply[:, SUPPLIES.index("direct")], kwh["direct_used_kw"]),
        (by_supply[:, SUPPLIES.index("stores")], kwh["discharge_kw"]),
        (by_supply[:, SUPPLIES.index("grid")], kwh["grid_kw"]),
        (hourly.delivered_kwh.sum(axis=(0, 2)), green),
        (hourly.sold_kwh.sum(axis=(0, 2)), kwh["sold_kw"]),
        (hourly.curtailed_kwh.sum(axis=(0, 2)), kwh["curtailed_kw"]),
        (hourly.gpu_h[..., 0].sum(axis=0), total["interactive_gpus"] * step_h),
        (hourly.gpu_h[..., 1:-2].sum(axis=0), class_gpu_h),
        (hourly.carbon_g.sum(axis=(0, 2)), total["carbon_kg"] * 1000.0),
        (hourly.electricity_cost.sum(axis=(0, 2)), bill),
    ]
