"""The table of stores: a row for each store of a site, of any kind, and its power in and out during a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wattward.configs.schema.storage import Battery, ChilledWater, Store, Ups
from wattward.envs.model.types import BY_GRID_EVENTS, BY_PRICE_RULE, COOLING, POWER, Floats, Params

if TYPE_CHECKING:
    from wattward.configs.schema.scenario import Scenario

StoreRow: TypeAlias = dict[str, float]
"""A store's fields of `Params` without their prefix `store_`."""
NO_STORE: StoreRow = {
    **{"coupling": POWER, "entry": BY_PRICE_RULE, "capacity_kwh": 0.0, "reserve_kwh": 0.0, "start_kwh": 0.0},
    **{"charge_kw": 0.0, "discharge_kw": 0.0, "charge_efficiency": 1.0, "discharge_efficiency": 1.0},
    **{"cop": 1.0, "charge_cop": 1.0, "loss_per_h": 0.0, "wear_cost_per_kwh": 0.0},
}
"""The row that fills empty places at sites with fewer stores than others; a kind of store replaces some values."""
WHOLE_NUMBERS = ("coupling", "entry")


def _battery(store: Battery) -> StoreRow:
    return store.model_dump(exclude={"kind"})


def _chilled_water(store: ChilledWater) -> StoreRow:
    charge_cop = store.cop if store.charge_cop is None else store.charge_cop
    return store.model_dump(exclude={"kind"}) | {"coupling": COOLING, "charge_cop": charge_cop}


def _ups(store: Ups) -> StoreRow:
    return store.model_dump(exclude={"kind"}) | {"start_kwh": store.capacity_kwh, "entry": BY_GRID_EVENTS}


ROW_OF_KIND: dict[type[Any], Callable[[Any], StoreRow]] = {Battery: _battery, ChilledWater: _chilled_water, Ups: _ups}
"""How each kind of store is written into the table."""


def row_of(store: Store) -> StoreRow:
    """A store's row; the price rule orders the store unless its kind says otherwise."""
    return NO_STORE | ROW_OF_KIND[type(store)](store)


def store_table(sites: Sequence[Sequence[StoreRow]]) -> dict[str, Any]:
    """Fields of `Params` for the stores of each region, shape (R, S); S is the most stores of any region."""
    most = max(map(len, sites), default=0)
    rows = [[*site, *[NO_STORE] * (most - len(site))] for site in sites]
    return {
        f"store_{name}": np.array(
            [[row[name] for row in site] for site in rows], np.int64 if name in WHOLE_NUMBERS else np.float64
        ).reshape(len(sites), most)
        for name in NO_STORE
    }


def store_fields(scenario: Scenario) -> dict[str, Any]:
    """The table of a scenario; stores that actions order have consecutive entries, region by region."""
    sites = [[row_of(store) for store in region.stores] for region in scenario.regions]
    if scenario.storage_control == "agent":
        entry = scenario.n_regions
        for row in (row for site in sites for row in site if row["entry"] == BY_PRICE_RULE):
            row["entry"] = entry
            entry += 1
    return store_table(sites)


def is_cooling(params: Params) -> NDArray[np.bool_]:
    """Which stores hold cold, shape (B, R, S)."""
    return np.asarray((params.store_coupling == COOLING) & (params.store_capacity_kwh > 0.0), dtype=np.bool_)


def is_electric(params: Params) -> NDArray[np.bool_]:
    """Which stores hold electric energy, shape (B, R, S)."""
    return np.asarray((params.store_coupling == POWER) & (params.store_capacity_kwh > 0.0), dtype=np.bool_)


def store_flows(params: Params, before_kwh: Floats, after_kwh: Floats) -> tuple[Floats, Floats]:
    """Power into and out of each store in a step, shape (B, R, S) [kW], from its energy before and after the step.

    In a step, a store either charges or discharges. Powers are on the AC side; those of cooling stores are heat.
    """
    p, step_h = params, params.step_h[:, None, None]
    change_kw = (after_kwh - before_kwh * (1.0 - p.store_loss_per_h * step_h)) / step_h
    into_kw, out_kw = np.maximum(0.0, change_kw), np.maximum(0.0, -change_kw)
    return into_kw / p.store_charge_efficiency, out_kw * p.store_discharge_efficiency
