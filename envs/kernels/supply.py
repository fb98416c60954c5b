"""Serves requests, limits what the regions offer, and computes power, its supply and its cost."""

from __future__ import annotations

from wattward.envs.kernels.compiling import inlined
from wattward.envs.kernels.stores import charge, chill, discharge, take_orders
from wattward.envs.model import site_model
from wattward.envs.model.layout import Row, Rows


@inlined
def serve_interactive(sites: Rows, regs: Rows, f: Rows, now: Rows) -> None:
    """Copies the results of the scan into the flows and serves interactive load; load that does not fit is dropped."""
    for r in range(regs.size):
        flow, reg, hour, site = f[r], regs[r], now[r], sites[r]
        flow.locked_gpus, flow.arrived_gpu_h, flow.moved_in_gpu_h = (
            reg.locked_gpus,
            reg.arrived_gpu_h,
            reg.moved_in_gpu_h,
        )
        awake = min(reg.awake_gpus, hour.fleet_gpus)
        flow.interactive_gpus = site_model.served_gpus(hour.interactive_gpus, awake, flow.locked_gpus)
        flow.dropped_gpus = hour.interactive_gpus - flow.interactive_gpus
        flow.asleep_gpus = hour.fleet_gpus - awake
        reg.free_gpus = max(0.0, awake - flow.locked_gpus) - flow.interactive_gpus
        reg.rigid_gpus = flow.locked_gpus
        reg.link_gb = site.wan_gb_per_step * hour.wan_share
        reg.serving_gpus = flow.interactive_gpus
        if site.serving_exponent != 1.0:  # exponentiation is slow
            reg.serving_gpus = site_model.serving_gpus(site, flow.interactive_gpus)


@inlined
def cap_offers(sites: Rows, regs: Rows, f: Rows, now: Rows) -> None:
    """Sets the GPUs that a region's shares refer to: its free GPUs, or only those that surplus green power covers."""
    for r in range(regs.size):
        reg = regs[r]
        reg.cap_gpus = max(0.0, reg.free_gpus)
        if reg.surplus_only:
            site, hour, flow = sites[r], now[r], f[r]
            at_work = reg.serving_gpus + flow.locked_gpus + flow.due_gpus
            it_kw = site_model.it_kw(site, hour.fleet_gpus, flow.asleep_gpus, at_work)
            base_kw = site_model.facility_kw(it_kw, hour.pue, hour.fixed_kw)
            surplus_kw = site_model.surplus_kw(hour.sun_kw + hour.wind_kw + hour.hydro_kw, base_kw)
            kw_per_gpu = site_model.kw_per_awake_gpu(site, hour.pue)
            if kw_per_gpu > 0.0 and surplus_kw < reg.cap_gpus * kw_per_gpu:
                reg.cap_gpus = surplus_kw / kw_per_gpu


@inlined
def wake(sites: Rows, regs: Rows, f: Rows, by_orders: bool) -> None:
    """Sets how many GPUs will be awake in the next step, see `Sleep` in the region schema.

    GPUs that orders for jobs asked for in this step are awake in the next one, whether or not they were free.
    """
    everywhere = 0.0
    for r in range(regs.size):
        everywhere += f[r].wanted_gpus
    for r in range(regs.size):
        site, reg, flow = sites[r], regs[r], f[r]
        work = flow.held_gpus
        if by_orders:
            work = max(work, flow.due_gpus + reg.asked_gpus)
        elif reg.others_share > 0.0:
            work = max(work, everywhere)
        elif reg.own_share > 0.0:
            work = max(work, flow.wanted_gpus)
        wanted = site_model.kept_awake_gpus(site, flow.interactive_gpus + work, site.fleet_gpus)
        flow.woken_gpus = max(0.0, wanted - reg.awake_gpus)
        reg.awake_gpus = wanted


@inlined
def power(p: Row, sites: Rows, stores: Rows, regs: Rows, held: Rows, f: Rows, now: Rows) -> None:
    """Computes power, supply and their cost, and lets the links move as much data as they can."""
    for r in range(regs.size):
        site, reg, flow, hour = sites[r], regs[r], f[r], now[r]
        at_work = reg.serving_gpus + flow.busy_gpus
        it_kw = site_model.it_kw(site, hour.fleet_gpus, flow.asleep_gpus, at_work)
        flow.it_kw = it_kw + site_model.waking_kw(site, flow.woken_gpus, p.step_h)
        flow.cooling_kw = site_model.cooling_kw(flow.it_kw, hour.pue, hour.fixed_kw)
        take_orders(stores[r], held[r], hour)
        flow.cooling_kw = chill(stores[r], held[r], flow, flow.cooling_kw, p.step_h)
        _supply(site, stores[r], reg, held[r], flow, hour, p.step_h)
        _bill(p, site, reg, flow, hour)
        reg.wan_out_gb = max(0.0, reg.wan_out_gb - reg.link_gb)
        reg.wan_in_gb = max(0.0, reg.wan_in_gb - reg.link_gb)


@inlined
def _supply(site: Row, stores: Rows, reg: Row, held: Rows, flow: Row, hour: Row, step_h: float) -> None:
    """Serves the load from plants on site, then the direct line, the green contract, power stores and the grid."""
    flow.sun_kw, flow.wind_kw, flow.hydro_kw = hour.sun_kw, hour.wind_kw, hour.hydro_kw
    flow.recovered_kw = site_model.recovered_kw(site, flow.it_kw)
    own_kw = hour.sun_kw + hour.wind_kw + hour.hydro_kw + flow.recovered_kw
    load_kw = flow.it_kw + flow.cooling_kw + flow.wan_kw
    flow.charge_kw = charge(stores, held, load_kw, own_kw, step_h)
    load_kw += flow.charge_kw
    served = site_model.supply_order(load_kw, own_kw, hour.direct_kw, hour.contract_kw)
    own_used_kw, flow.direct_used_kw, flow.contract_kw, missing_kw = served
    flow.direct_kw = hour.direct_kw
    missing_kw = discharge(site, stores, held, flow, hour, missing_kw, step_h)
    spare_kw = own_kw - own_used_kw
    flow.sold_kw = min(spare_kw, site.feed_in_kw)
    flow.curtailed_kw = spare_kw - flow.sold_kw + (flow.direct_kw - flow.direct_used_kw)
    flow.grid_kw = missing_kw
    reg.load_kwh += load_kw * step_h
    reg.green_kwh += (own_used_kw + flow.direct_used_kw + flow.contract_kw) * step_h


@inlined
def _bill(p: Row, site: Row, reg: Row, flow: Row, hour: Row) -> None:
    step_h, grid_kw = p.step_h, flow.grid_kw
    flow.carbon_kg = site_model.carbon_kg(grid_kw, step_h, hour.carbon_kg_per_kwh)
    flow.energy_cost = site_model.energy_cost(grid_kw, step_h, hour.price_per_kwh)
    flow.carbon_cost = flow.carbon_kg * p.carbon_price_per_kg
    flow.demand_cost = site_model.demand_cost(site, grid_kw, reg.peak_kw)
    flow.drop_cost = flow.dropped_gpus * step_h * p.drop_cost_per_gpu_h
    reg.peak_kw = max(reg.peak_kw, grid_kw)
    flow.supply_cost = site_model.supply_cost(site, step_h, flow.direct_used_kw, flow.contract_kw, hour.contract_kw)
    flow.sales_cost = site_model.sales_cost(site, step_h, flow.sold_kw)
    if hour.cut_kw > 0.0:
        flow.asked_cut_kw = hour.cut_kw
        flow.cut_kw = site_model.met_cut_kw(site, hour.cut_kw, grid_kw)
        flow.event_cost = site_model.event_cost(site, step_h, flow.asked_cut_kw, flow.cut_kw)


@inlined
def charge_shortfall(sites: Rows, regs: Rows, f: Rows) -> None:
    """Charges the shortfall below the least green share at the end of the episode."""
    for r in range(regs.size):
        f[r].shortfall_cost = site_model.shortfall_cost(sites[r], regs[r].load_kwh, regs[r].green_kwh)
