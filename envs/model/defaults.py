"""What `Params` and `Exogenous` hold where a site has no stores, contracts, sleep or programmes: nothing of it acts."""

from __future__ import annotations

from typing import Any

import numpy as np

from wattward.envs.model.stores import store_table
from wattward.envs.model.types import Floats

UNLIMITED_GPUS = 1e9

ONE = ("serving_exponent", "serving_gpus")
ZERO = (
    *("cooling_fixed_share", "recovered_share", "gpu_sleep_kw", "wake_kwh"),
    *("direct_price_per_kwh", "contract_price_per_kwh", "contract_take_share", "feed_in_price_per_kwh", "feed_in_kw"),
    *("event_baseline_kw", "event_pay_per_kwh", "event_penalty_per_kwh"),
    *("green_share_min", "shortfall_price_per_kwh"),
)


def plain_sites(shape: tuple[int, ...]) -> dict[str, Any]:
    """Fields of `Params` by region, of shape (B, R) or (R,), and of no stores, (B, R, 0) or (R, 0)."""
    fields: dict[str, Any] = {name: np.zeros(shape) for name in ZERO} | {name: np.ones(shape) for name in ONE}
    fields["headroom_gpus"] = np.full(shape, UNLIMITED_GPUS)
    no_stores = store_table([()] * shape[-1])
    return fields | {name: np.broadcast_to(column, (*shape, 0)) for name, column in no_stores.items()}


def no_constraints(shape: tuple[int, ...]) -> dict[str, Any]:
    """Fields of `Params` by environment, of shape (B,) or ()."""
    return {
        name: np.zeros(shape) for name in ("green_constraint_per_kwh", "late_constraint_per_gpu_h", "band_constraint")
    }


def quiet_world(fleet_gpus: Floats, n: int) -> dict[str, Floats]:
    """Fields of `Exogenous`, shape (B, n, R), for fleets of shape (B, R) of which nothing fails."""
    shape = (fleet_gpus.shape[0], n, fleet_gpus.shape[1])
    names = ("direct_kw", "contract_kw", "store_order", "cut_kw", "announced_cut_kw", "announced_in_h")
    fields = {name: np.zeros(shape) for name in names}
    whole = np.ascontiguousarray(np.broadcast_to(fleet_gpus[:, None, :], shape), dtype=np.float64)
    return fields | {"fleet_gpus": whole, "wan_share": np.ones(shape)}
