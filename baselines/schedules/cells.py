"""The cost of a site in a step as a function of the GPUs at work, in tables that the search reads.

The tables are made with the site model, and the cost is computed with its equations. Stores are the exception: their
power is a given series, which a caller takes from an episode that was played.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wattward.envs.kernels.compiling import inlined
from wattward.envs.model import site_model
from wattward.envs.model.types import Exogenous, Floats, Params

_FIELDS = (
    "base_kw kw_per_rested_gpu resting_gpus kw_per_awake_gpu green_kw direct_kw contract_kw"
    " price_per_kwh green_price_per_kwh cut_kw room_gpus rigid_room_gpus link_gb step_h"
    " direct_price_per_kwh contract_price_per_kwh contract_take_share feed_in_price_per_kwh feed_in_kw"
    " event_baseline_kw event_pay_per_kwh event_penalty_per_kwh"
)
CELL = np.dtype([(name, "f8") for name in _FIELDS.split()])
"""A region in a step, without deferrable work.

`base_kw` is its power net of recovered power. Work on the first `resting_gpus` wakes GPUs and adds
`kw_per_rested_gpu`, further work `kw_per_awake_gpu`. `price_per_kwh` is that of grid energy, with carbon and, where the
green share falls short, its price; `green_price_per_kwh` is that of any energy used. `room_gpus` are GPUs that requests
leave free, `rigid_room_gpus` those of them that non-preemptible jobs may take.
"""
Cells: TypeAlias = NDArray[Any]
"""Rows of CELL, shape (T, R)."""


class SiteSeries(NamedTuple):
    """What a site meets in each step, each of shape (T, R); from a world or from an outlook."""

    price_per_kwh: Floats
    carbon_kg_per_kwh: Floats
    green_kw: Floats
    air_c: Floats
    interactive_gpus: Floats
    in_order_gpus: Floats
    wan_share: Floats
    direct_kw: Floats
    contract_kw: Floats
    cut_kw: Floats


def series_of(world: Exogenous, n_steps: int) -> SiteSeries:
    """The series of the first steps of a world (B = 1)."""
    green_kw = world.sun_kw + world.wind_kw + world.hydro_kw
    return SiteSeries(
        price_per_kwh=world.price_per_kwh[0, :n_steps],
        carbon_kg_per_kwh=world.carbon_kg_per_kwh[0, :n_steps],
        green_kw=green_kw[0, :n_steps],
        air_c=world.air_c[0, :n_steps],
        interactive_gpus=world.interactive_gpus[0, :n_steps],
        in_order_gpus=world.fleet_gpus[0, :n_steps],
        wan_share=world.wan_share[0, :n_steps],
        direct_kw=world.direct_kw[0, :n_steps],
        contract_kw=world.contract_kw[0, :n_steps],
        cut_kw=world.cut_kw[0, :n_steps],
    )


def make_cells(params: Params, series: SiteSeries, store_kw: Floats, falls_short: NDArray[np.bool_]) -> Cells:
    """Makes the tables of all regions.

    Args:
        params: The parameters (B = 1).
        series: What the sites meet, each of shape (T, R).
        store_kw: Power that stores add to a site's load, negative while they discharge, shape (T, R).
        falls_short: Whether a region misses its green share, so that each grid kWh costs more, shape (R,).
    """
    site, step_h = site_model.power_of(params, 0), float(params.step_h[0])
    slope, fixed_kw = site_model.cooling_line(site, series.air_c)
    net, in_order = site_model.net_slope(site, slope), series.in_order_gpus
    served = np.minimum(series.interactive_gpus, in_order)
    awake = site_model.kept_awake_gpus(site, served, in_order)
    at_work = site_model.serving_gpus(site, served)
    cells = np.zeros(served.shape, CELL)
    for name in CELL.names or ():
        if name in Params._fields:
            cells[name] = getattr(params, name)[0]
    cells["base_kw"] = site_model.base_kw(site, net, fixed_kw, in_order, awake, at_work) + store_kw
    cells["kw_per_rested_gpu"] = site_model.kw_per_rested_gpu(site, net)
    cells["kw_per_awake_gpu"] = site_model.kw_per_awake_gpu(site, net)
    cells["resting_gpus"] = in_order - awake
    cells["green_kw"], cells["direct_kw"], cells["contract_kw"] = series.green_kw, series.direct_kw, series.contract_kw
    missing = np.where(falls_short, params.shortfall_price_per_kwh[0], 0.0)
    cells["price_per_kwh"] = series.price_per_kwh + params.carbon_price_per_kg[0] * series.carbon_kg_per_kwh + missing
    cells["green_price_per_kwh"] = missing * (params.green_share_min[0] - 1.0)
    cells["cut_kw"], cells["step_h"] = series.cut_kw, step_h
    cells["room_gpus"] = in_order - served
    cells["rigid_room_gpus"] = np.minimum(in_order - served, params.rigid_limit_gpus[0])
    cells["link_gb"] = params.wan_gb_per_step[0] * series.wan_share
    return cells


@inlined
def load_kw(cell: Any, busy_gpus: float) -> float:  # noqa: ANN401 - a row of CELL
    """Power [kW] with some deferrable GPUs at work, net of recovered power."""
    woken = min(busy_gpus, cell.resting_gpus)
    return cell.base_kw + woken * cell.kw_per_rested_gpu + (busy_gpus - woken) * cell.kw_per_awake_gpu


@njit(error_model="numpy", cache=True)
def step_cost(cells: Cells, t: int, r: int, busy_gpus: float, wan_kw: float) -> tuple[float, float]:
    """Cost of region `r` in step `t` without demand charge, and the grid power [kW].

    Args:
        cells: The tables.
        t: Step.
        r: Region.
        busy_gpus: GPUs at work on deferrable jobs.
        wan_kw: Power of the network for data that leave.
    """
    cell = cells[t, r]
    load = load_kw(cell, busy_gpus) + wan_kw
    own, direct, contract, grid = site_model.supply_order(load, cell.green_kw, cell.direct_kw, cell.contract_kw)
    spare = cell.green_kw - own
    cost = site_model.energy_cost(grid, cell.step_h, cell.price_per_kwh)
    cost += cell.step_h * load * cell.green_price_per_kwh
    cost += site_model.supply_cost(cell, cell.step_h, direct, contract, cell.contract_kw)
    cost += site_model.sales_cost(cell, cell.step_h, min(spare, cell.feed_in_kw))
    if cell.cut_kw > 0.0:
        cost += site_model.event_cost(cell, cell.step_h, cell.cut_kw, site_model.met_cut_kw(cell, cell.cut_kw, grid))
    return cost, grid
