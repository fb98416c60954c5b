"""Requests, what the regions offer, and the power that all of it takes."""

from __future__ import annotations

from wattward.envs.kernels.compiling import inlined
from wattward.envs.kernels.stores import charge, chill, discharge, take_orders
from wattward.envs.model.layout import Row, Rows


@inlined
def serve_interactive(sites: Rows, regs: Rows, f: Rows, now: Rows) -> None:
    """Copies the scan's results into the flows, then serves interactive load; what does not fit is dropped."""
    for r in range(regs.size):
        flow, reg, hour, site = f[r], regs[r], now[r], sites[r]
        flow.locked_gpus, flow.arrived_gpu_h, flow.moved_in_gpu_h = (
            reg.locked_gpus,
            reg.arrived_gpu_h,
            reg.moved_in_gpu_h,
        )
        awake = min(reg.awake_gpus, hour.fleet_gpus)
        room, demand = max(0.0, awake - flow.locked_gpus), hour.interactive_gpus
        flow.interactive_gpus = min(demand, room)
        flow.dropped_gpus = demand - flow.interactive_gpus
        flow.asleep_gpus = hour.fleet_gpus - awake
        reg.free_gpus = room - flow.interactive_gpus
        reg.rigid_gpus = flow.locked_gpus
        reg.link_gb = site.wan_gb_per_step * hour.wan_share
        reg.serving_gpus = flow.interactive_gpus
        if site.serving_exponent != 1.0 and flow.interactive_gpus < site.serving_gpus:
            share = flow.interactive_gpus / site.serving_gpus
            reg.serving_gpus = site.serving_gpus * share**site.serving_exponent


@inlined
def _it_kw(site: Row, flow: Row, hour: Row, busy_gpus: float) -> float:
    """IT power without waking: idle GPUs, what those at work draw more, what those asleep draw less."""
    more_kw = site.gpu_busy_kw - site.gpu_idle_kw
    spared_kw = (site.gpu_idle_kw - site.gpu_sleep_kw) * flow.asleep_gpus
    return site.gpu_idle_kw * hour.fleet_gpus + more_kw * busy_gpus - spared_kw


@inlined
def cap_offers(sites: Rows, regs: Rows, f: Rows, now: Rows) -> None:
    """The GPUs a region's shares refer to: the free ones, or those that surplus green power covers."""
    for r in range(regs.size):
        reg = regs[r]
        reg.cap_gpus = max(0.0, reg.free_gpus)
        if reg.surplus_only:
            site, hour, flow = sites[r], now[r], f[r]
            more_kw = site.gpu_busy_kw - site.gpu_idle_kw
            at_work = reg.serving_gpus + flow.locked_gpus + flow.due_gpus
            base_kw = hour.pue * _it_kw(site, flow, hour, at_work) + hour.fixed_kw
            surplus_kw = hour.sun_kw + hour.wind_kw + hour.hydro_kw - base_kw
            if more_kw > 0.0 and surplus_kw < reg.cap_gpus * hour.pue * more_kw:
                reg.cap_gpus = max(0.0, surplus_kw) / (hour.pue * more_kw)


@inlined
def wake(sites: Rows, regs: Rows, f: Rows) -> None:
    """How many GPUs will be awake in the next step, see `Sleep` in the region schema."""
    everywhere = 0.0
    for r in range(regs.size):
        everywhere += f[r].wanted_gpus
    for r in range(regs.size):
        site, reg, flow = sites[r], regs[r], f[r]
        work = flow.held_gpus
        if reg.others_share > 0.0:
            work = max(work, everywhere)
        elif reg.own_share > 0.0:
            work = max(work, flow.wanted_gpus)
        wanted = min(flow.interactive_gpus + work + site.headroom_gpus, site.fleet_gpus)
        flow.woken_gpus = max(0.0, wanted - reg.awake_gpus)
        reg.awake_gpus = wanted


@inlined
def power(p: Row, sites: Rows, stores: Rows, regs: Rows, held: Rows, f: Rows, now: Rows) -> None:
    """Power, supply and what they cost; the links move what they can."""
    for r in range(regs.size):
        site, reg, flow, hour = sites[r], regs[r], f[r], now[r]
        it_kw = _it_kw(site, flow, hour, reg.serving_gpus + flow.busy_gpus)
        flow.it_kw = it_kw + flow.woken_gpus * site.wake_kwh / p.step_h
        flow.cooling_kw = flow.it_kw * (hour.pue - 1.0) + hour.fixed_kw
        take_orders(stores[r], held[r], hour)
        flow.cooling_kw = chill(stores[r], held[r], flow, flow.cooling_kw, p.step_h)
        _supply(site, stores[r], reg, held[r], flow, hour, p.step_h)
        _bill(p, site, reg, flow, hour)
        reg.wan_out_gb = max(0.0, reg.wan_out_gb - reg.link_gb)
        reg.wan_in_gb = max(0.0, reg.wan_in_gb - reg.link_gb)


@inlined
def _supply(site: Row, stores: Rows, reg: Row, held: Rows, flow: Row, hour: Row, step_h: float) -> None:
    """Plants on site first, then the direct line, the green contract, power stores and the grid."""
    flow.sun_kw, flow.wind_kw, flow.hydro_kw = hour.sun_kw, hour.wind_kw, hour.hydro_kw
    flow.recovered_kw = site.recovered_share * flow.it_kw
    own_kw = hour.sun_kw + hour.wind_kw + hour.hydro_kw + flow.recovered_kw
    load_kw = flow.it_kw + flow.cooling_kw + flow.wan_kw
    flow.charge_kw = charge(stores, held, load_kw, own_kw, step_h)
    load_kw += flow.charge_kw
    own_used_kw = min(own_kw, load_kw)
    missing_kw = load_kw - own_used_kw
    flow.direct_kw, flow.direct_used_kw = hour.direct_kw, min(hour.direct_kw, missing_kw)
    missing_kw -= flow.direct_used_kw
    flow.contract_kw = min(hour.contract_kw, missing_kw)
    missing_kw -= flow.contract_kw
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
    grid_kwh = grid_kw * step_h
    flow.carbon_kg = grid_kwh * hour.carbon_kg_per_kwh
    flow.energy_cost = grid_kwh * hour.price_per_kwh
    flow.carbon_cost = flow.carbon_kg * p.carbon_price_per_kg
    flow.demand_cost = max(0.0, grid_kw - reg.peak_kw) * site.demand_charge_per_kw
    flow.drop_cost = flow.dropped_gpus * step_h * p.drop_cost_per_gpu_h
    reg.peak_kw = max(reg.peak_kw, grid_kw)
    direct_cost = flow.direct_used_kw * site.direct_price_per_kwh
    paid_kw = max(flow.contract_kw, site.contract_take_share * hour.contract_kw)
    flow.supply_cost = (direct_cost + paid_kw * site.contract_price_per_kwh) * step_h
    flow.sales_cost = 0.0 - flow.sold_kw * step_h * site.feed_in_price_per_kwh
    if hour.cut_kw > 0.0:
        flow.asked_cut_kw = hour.cut_kw
        flow.cut_kw = min(hour.cut_kw, max(0.0, site.event_baseline_kw - grid_kw))
        missed_cost = (flow.asked_cut_kw - flow.cut_kw) * site.event_penalty_per_kwh
        flow.event_cost = (missed_cost - flow.cut_kw * site.event_pay_per_kwh) * step_h


@inlined
def charge_shortfall(sites: Rows, regs: Rows, f: Rows) -> None:
    """Charges what is missing to the green share when the episode ends."""
    for r in range(regs.size):
        missing_kwh = max(0.0, sites[r].green_share_min * regs[r].load_kwh - regs[r].green_kwh)
        f[r].shortfall_cost = missing_kwh * sites[r].shortfall_price_per_kwh
