"""What the stores of a site do in a step, one after the other: first the cooling stores, then the power stores.

`stores` are the site's rows of STORE, `held` its rows of STORED. Every flow is on the store's own side: heat for a
cooling store, AC power for a power store.
"""

from __future__ import annotations

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model.layout import Row, Rows
from wattward.envs.model.types import BY_GRID_EVENTS, COOLING, POWER

BY_RULE, CHARGE, IDLE, DISCHARGE = 0, 1, 2, 3
"""What an action may tell a store to do. CHARGE and DISCHARGE are at full power."""


@inlined
def begin(stores: Rows, held: Rows) -> None:
    """Sets the stores to their energy at the start of an episode, and lets their rules order them."""
    for s in range(stores.size):
        held[s].stored_kwh, held[s].told = stores[s].start_kwh, BY_RULE


@inlined
def take_orders(stores: Rows, held: Rows, hour: Row) -> None:
    """Sets the order of each store as a share of its power: 1 is charge, -1 is discharge.

    A store that grid events order discharges while the grid asks for a cut. At any other time it charges, except when
    the price rule would discharge; then it idles.
    """
    for s in range(stores.size):
        order = hour.store_order
        if stores[s].entry == BY_GRID_EVENTS:
            order = 0.0 if order < 0.0 else 1.0
            if hour.cut_kw > 0.0:
                order = -1.0
        elif held[s].told != BY_RULE:
            order = IDLE - held[s].told
        held[s].order = order


@inlined
def _kept_kwh(store: Row, level: Row, step_h: float) -> float:
    """The stored energy at the end of the last step, after losses [kWh]."""
    return level.stored_kwh * (1.0 - store.loss_per_h * step_h)


@inlined
def _room_kw(store: Row, level: Row, step_h: float) -> float:
    """The charging power that fills the store within the step [kW]."""
    return (store.capacity_kwh - _kept_kwh(store, level, step_h)) / (store.charge_efficiency * step_h)


@inlined
def _reach_kw(store: Row, level: Row, step_h: float) -> float:
    """The discharging power that empties the store down to its reserve within the step [kW]."""
    return max(0.0, _kept_kwh(store, level, step_h) - store.reserve_kwh) * store.discharge_efficiency / step_h


@inlined
def _move(store: Row, level: Row, into_kw: float, out_kw: float, step_h: float) -> None:
    change_kw = into_kw * store.charge_efficiency - out_kw / store.discharge_efficiency
    moved_kwh = _kept_kwh(store, level, step_h) + change_kw * step_h
    level.stored_kwh = min(store.capacity_kwh, max(0.0, moved_kwh))


@inlined
def chill(stores: Rows, held: Rows, flow: Row, cooling_kw: float, step_h: float) -> float:
    """Charges or discharges cooling stores as ordered; returns the power that cooling then takes [kW].

    Together, the stores cannot absorb more heat than the GPUs give off, nor save more power than cooling takes.
    """
    heat_kw, charging_kw = flow.it_kw, 0.0
    for s in range(stores.size):
        store, level = stores[s], held[s]
        if store.capacity_kwh > 0.0 and store.coupling == COOLING:
            out_kw = min(max(0.0, -level.order) * store.discharge_kw, _reach_kw(store, level, step_h))
            out_kw = min(out_kw, min(heat_kw, cooling_kw * store.cop))
            in_kw = min(max(0.0, level.order) * store.charge_kw, _room_kw(store, level, step_h))
            _move(store, level, in_kw, out_kw, step_h)
            flow.cold_in_kw += in_kw
            flow.cold_out_kw += out_kw
            flow.wear_cost += out_kw * step_h * store.wear_cost_per_kwh
            heat_kw = max(0.0, heat_kw - out_kw)
            cooling_kw = max(0.0, cooling_kw - out_kw / store.cop)
            charging_kw += in_kw / store.charge_cop
    return cooling_kw + charging_kw


@inlined
def charge(stores: Rows, held: Rows, load_kw: float, own_kw: float, step_h: float) -> float:
    """Charges power stores as ordered, and always with surplus of the plants on site; returns the total power [kW].

    The surplus goes first to stores that are ordered to charge.
    """
    total_kw = 0.0
    for ordered in (True, False):
        for s in range(stores.size):
            store, level = stores[s], held[s]
            if store.capacity_kwh > 0.0 and store.coupling == POWER and (level.order > 0.0) == ordered:
                wanted_kw = max(max(0.0, level.order) * store.charge_kw, own_kw - (load_kw + total_kw))
                level.charged_kw = max(0.0, min(min(wanted_kw, store.charge_kw), _room_kw(store, level, step_h)))
                total_kw += level.charged_kw
    return total_kw


@inlined
def discharge(site: Row, stores: Rows, held: Rows, flow: Row, hour: Row, missing_kw: float, step_h: float) -> float:
    """Discharges power stores as ordered, up to the missing power; returns the power that is still missing [kW].

    Stores that grid events order give no more than the cut needs. This also updates the energy in all power stores.
    """
    for s in range(stores.size):
        store, level = stores[s], held[s]
        if store.capacity_kwh > 0.0 and store.coupling == POWER:
            given_kw = min(max(0.0, -level.order) * store.discharge_kw, missing_kw)
            if store.entry == BY_GRID_EVENTS:
                allowed_kw = max(0.0, site.event_baseline_kw - hour.cut_kw)
                given_kw = min(given_kw, max(0.0, missing_kw - allowed_kw))
            given_kw = min(given_kw, _reach_kw(store, level, step_h))
            _move(store, level, level.charged_kw, given_kw, step_h)
            flow.discharge_kw += given_kw
            flow.wear_cost += given_kw * step_h * store.wear_cost_per_kwh
            missing_kw = max(0.0, missing_kw - given_kw)
    return missing_kw
