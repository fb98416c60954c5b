"""KPIs of an episode, computed from its sums."""

from __future__ import annotations

import numpy as np

from wattward.envs.model.types import COST_TERMS, Params, State, Tally


def kpis_of(params: Params, state: State, tally: Tally, b: int) -> dict[str, float]:
    """KPIs of environment `b` so far: costs, kWh, GPU-h, GB and kg summed over regions and steps, and shares in 0..1.

    `params` has B rows, or one row for all environments.
    """
    row = min(b, params.step_h.size - 1)
    total, step_h, steps = tally.total, float(params.step_h[row]), max(1, int(state.step[b]))

    def summed(*names: str) -> float:
        return float(sum(getattr(total, name)[b].sum() for name in names))

    cost = {term: summed(term) for term in COST_TERMS}
    facility_kwh = summed("it_kw", "cooling_kw", "wan_kw", "charge_kw") * step_h
    own_kwh = (summed("sun_kw", "wind_kw", "hydro_kw", "recovered_kw") - summed("sold_kw")) * step_h
    bought_kwh = (summed("direct_kw", "contract_kw") - summed("curtailed_kw")) * step_h
    green_kwh = own_kwh + bought_kwh
    gpu_steps = float(params.fleet_gpus[row].sum()) * steps
    arrived = summed("arrived_gpu_h", "restart_gpu_h")
    return {
        "total_cost": sum(cost.values()),
        **cost,
        "grid_kwh": summed("grid_kw") * step_h,
        "facility_kwh": facility_kwh,
        "green_kwh": green_kwh,
        "curtailed_kwh": summed("curtailed_kw") * step_h,
        "green_share": green_kwh / facility_kwh if facility_kwh > 0 else 0.0,
        "in_band": float(tally.in_band_steps[b].sum()) / (steps * params.fleet_gpus.shape[1]),
        "utilisation": summed("interactive_gpus", "busy_gpus") / gpu_steps,
        "interactive_gpu_h": summed("interactive_gpus") * step_h,
        "late_gpu_h": summed("late_gpu_h"),
        "dropped_gpu_h": summed("dropped_gpus") * step_h,
        "moved_gb": summed("moved_gb"),
        "moved_gpu_h": summed("moved_out_gpu_h"),
        "work_gpu_h": summed("done_gpu_h"),
        "unfinished_gpu_h": max(0.0, arrived - summed("done_gpu_h")),
        "restart_gpu_h": summed("restart_gpu_h"),
        "carbon_kg": summed("carbon_kg"),
        "cooling_kwh": summed("cooling_kw") * step_h,
        "direct_kwh": summed("direct_used_kw") * step_h,
        "contract_kwh": summed("contract_kw") * step_h,
        "sold_kwh": summed("sold_kw") * step_h,
        "discharged_kwh": summed("discharge_kw") * step_h,
        "cold_kwh": summed("cold_out_kw") * step_h,
        "asked_cut_kwh": summed("asked_cut_kw") * step_h,
        "cut_kwh": summed("cut_kw") * step_h,
        "lowest_green_share": _lowest_green_share(state, b),
    }


def _lowest_green_share(state: State, b: int) -> float:
    """The lowest of the regions' green shares so far; 0 before the first step."""
    load_kwh, green_kwh = state.load_kwh[b], state.green_kwh[b]
    return float(np.min(np.divide(green_kwh, load_kwh, out=np.zeros_like(load_kwh), where=load_kwh > 0)))
