"""Requests, what the regions offer, and the power that all of it takes."""

from __future__ import annotations

from wattward.envs.compiling import inlined
from wattward.envs.records import Row, Rows


@inlined
def serve_interactive(sites: Rows, regs: Rows, f: Rows, now: Rows) -> None:
    """What the survey found is so; requests take their GPUs; what does not fit beside locked gangs is dropped."""
    for r in range(regs.size):
        flow, reg, demand = f[r], regs[r], now[r].interactive_gpus
        flow.locked_gpus, flow.arrived_gpu_h, flow.moved_in_gpu_h = (
            reg.locked_gpus,
            reg.arrived_gpu_h,
            reg.moved_in_gpu_h,
        )
        room = max(0.0, sites[r].fleet_gpus - flow.locked_gpus)
        flow.interactive_gpus = min(demand, room)
        flow.dropped_gpus = demand - flow.interactive_gpus
        reg.free_gpus = room - flow.interactive_gpus
        reg.gang_gpus = flow.locked_gpus


@inlined
def cap_offers(sites: Rows, regs: Rows, f: Rows, now: Rows) -> None:
    """The GPUs a region's shares refer to: the free ones, or those that surplus green power covers."""
    for r in range(regs.size):
        reg = regs[r]
        reg.cap_gpus = max(0.0, reg.free_gpus)
        if reg.surplus_only:
            site, hour, flow = sites[r], now[r], f[r]
            more_kw = site.gpu_busy_kw - site.gpu_idle_kw
            at_work = flow.interactive_gpus + flow.locked_gpus + flow.due_gpus
            base_kw = hour.pue * (site.gpu_idle_kw * site.fleet_gpus + more_kw * at_work)
            surplus_kw = hour.sun_kw + hour.wind_kw + hour.hydro_kw - base_kw
            if more_kw > 0.0 and surplus_kw < reg.cap_gpus * hour.pue * more_kw:
                reg.cap_gpus = max(0.0, surplus_kw) / (hour.pue * more_kw)


@inlined
def power(p: Row, sites: Rows, regs: Rows, f: Rows, now: Rows) -> None:
    """Power, supply and what they cost, green on site first; the links move what they can."""
    step_h = p.step_h
    for r in range(regs.size):
        site, reg, flow, hour = sites[r], regs[r], f[r], now[r]
        more_kw = site.gpu_busy_kw - site.gpu_idle_kw
        it_kw = site.gpu_idle_kw * site.fleet_gpus + more_kw * (flow.interactive_gpus + flow.busy_gpus)
        cooling_kw = it_kw * (hour.pue - 1.0)
        green_kw = hour.sun_kw + hour.wind_kw + hour.hydro_kw
        load_kw = it_kw + cooling_kw + flow.wan_kw
        grid_kw = max(0.0, load_kw - green_kw)
        grid_kwh = grid_kw * step_h
        carbon_kg = grid_kwh * hour.carbon_kg_per_kwh
        flow.it_kw, flow.cooling_kw, flow.grid_kw, flow.carbon_kg = it_kw, cooling_kw, grid_kw, carbon_kg
        flow.sun_kw, flow.wind_kw, flow.hydro_kw = hour.sun_kw, hour.wind_kw, hour.hydro_kw
        flow.curtailed_kw = max(0.0, green_kw - load_kw)
        flow.energy_yuan = grid_kwh * hour.price_yuan_per_kwh
        flow.carbon_yuan = carbon_kg * p.carbon_yuan_per_kg
        flow.demand_yuan = max(0.0, grid_kw - reg.peak_kw) * site.demand_yuan_per_kw
        flow.drop_yuan = flow.dropped_gpus * step_h * p.drop_yuan_per_gpu_h
        reg.peak_kw = max(reg.peak_kw, grid_kw)
        reg.wan_out_gb = max(0.0, reg.wan_out_gb - site.wan_gb_per_step)
        reg.wan_in_gb = max(0.0, reg.wan_in_gb - site.wan_gb_per_step)
