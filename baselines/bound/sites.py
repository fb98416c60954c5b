"""The regions in the bound: their world over the episode, and the least and most power that they can draw."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.envs.model import site_model
from wattward.envs.model.stores import is_cooling, is_electric
from wattward.envs.model.types import BY_GRID_EVENTS, Exogenous, Floats, Params

Flags = NDArray[np.bool_]


class Sites(NamedTuple):
    """Regions over the steps of the episode; a region is `equipped` if it has more than fleet, plants and tariff."""

    cost_per_kwh: Floats  # (T, R) of grid power: tariff and carbon
    interactive_gpus: Floats  # (T, R)
    fleet_gpus: Floats  # (T, R) without failed GPUs
    green_kw: Floats  # (T, R) of plants on site
    slope: Floats  # (T, R) facility power for each unit of IT power
    fixed_kw: Floats  # (T, R) fixed part of the facility power
    wan_kw: Floats  # (T, R) most power that the links can draw
    direct_kw: Floats  # (T, R) offered by direct lines
    contract_kw: Floats  # (T, R) delivered by green contracts
    cut_kw: Floats  # (T, R) cut that the grid asks for
    equipped: Flags  # (R,)
    pays: Flags  # (R,) whether using power for nothing may lower the cost of the episode
    sleeps: Flags  # (R,) whether idle GPUs sleep
    green: Flags  # (R,) whether power that is not green may cost extra


class Limits(NamedTuple):
    """Limits that hold for every policy, shape (T, R) [kW] unless stated; `net` is load minus power of own plants."""

    it_low: Floats
    it_high: Floats
    store_out_high: Floats  # (T, R, S) measured on the store's own side
    load_high: Floats
    net_low: Floats
    net_high: Floats
    discharge_high: Floats  # sum over the power stores of a region
    grid_low: Floats
    grid_high: Floats


def read_sites(p: Params, x: Exogenous) -> Sites:
    """Collects the data of the regions from a world (B = 1) and parameters (B = 1)."""
    t = slice(0, int(p.n_steps[0]))
    site = site_model.power_of(p, 0)
    slope, fixed_kw = site_model.cooling_line(site, x.air_c[0, t])
    cost = x.price_per_kwh[0, t] + p.carbon_price_per_kg[0] * x.carbon_kg_per_kwh[0, t]
    green = (p.green_share_min[0] > 0) & (p.shortfall_price_per_kwh[0] > 0)
    offers = (x.direct_kw[0, t], x.contract_kw[0, t], x.cut_kw[0, t])
    sleeps = site_model.sleeps(site)
    offered = np.any([(offer > 0).any(axis=0) for offer in offers], axis=0)
    curved, stores = p.serving_exponent[0] != 1, (p.store_capacity_kwh[0] > 0).any(axis=1)
    largest_gb = x.job_data_gb[0].max(initial=0.0)
    link_gb = p.wan_gb_per_step[0] * x.wan_share[0, t]
    return Sites(
        cost_per_kwh=cost,
        interactive_gpus=x.interactive_gpus[0, t],
        fleet_gpus=x.fleet_gpus[0, t],
        green_kw=x.sun_kw[0, t] + x.wind_kw[0, t] + x.hydro_kw[0, t],
        slope=slope,
        fixed_kw=fixed_kw,
        wan_kw=np.where(link_gb > 0, link_gb + largest_gb, 0.0) * p.wan_kwh_per_gb[0] / p.step_h[0],
        direct_kw=offers[0],
        contract_kw=offers[1],
        cut_kw=offers[2],
        equipped=offered | sleeps | curved | stores | green | (p.recovered_share[0] > 0) | (p.feed_in_kw[0] > 0),
        pays=green | (cost < 0).any(axis=0) | _other_power_pays(p, slope),
        sleeps=sleeps,
        green=green,
    )


def _other_power_pays(p: Params, slope: Floats) -> Flags:
    """Whether other equipment may make it pay to use power for nothing, shape (R,).

    This is so for contracts with negative prices, and for cooling stores that save more power for a unit of heat than
    it takes to produce that heat.
    """
    paid = (p.direct_price_per_kwh[0] < 0) | (p.contract_price_per_kwh[0] < 0)
    heat_takes = site_model.net_slope(site_model.power_of(p, 0), slope.min(axis=0))[:, None]
    spared = is_cooling(p)[0] & (1.0 / p.store_cop[0] > heat_takes)
    return np.asarray(paid | spared.any(axis=1), dtype=np.bool_)


def limits_of(p: Params, s: Sites) -> Limits:
    """The least and most power of each region in each step."""
    cools, gives = is_cooling(p)[0], is_electric(p)[0]
    it_low, it_high = _it_limits(p, s)
    site = site_model.power_of(p, 0)
    cooling_high = site_model.cooling_kw(it_high, s.slope, s.fixed_kw)
    heat_high = np.minimum(it_high[:, :, None], p.store_cop[0] * cooling_high[:, :, None])
    cold_high = np.minimum(p.store_discharge_kw[0], heat_high) * cools
    more = (p.store_charge_kw[0] / p.store_charge_cop[0] * (cools | gives)).sum(axis=1) + s.wan_kw * s.pays
    net_low, net_high = (
        site_model.facility_kw(it_kw, site_model.net_slope(site, s.slope), s.fixed_kw) - s.green_kw
        for it_kw in (it_low, it_high)
    )
    net_low, net_high = net_low - (cold_high / p.store_cop[0]).sum(axis=2), net_high + more
    # a store that discharges does not charge at the same time; one that grid events control discharges only in a cut
    missing_high = np.maximum(0.0, net_high[:, :, None] - p.store_charge_kw[0])
    may = gives & ((p.store_entry[0] != BY_GRID_EVENTS) | (s.cut_kw > 0.0)[:, :, None])
    given_high = np.minimum(p.store_discharge_kw[0], missing_high) * may
    discharge_high = given_high.sum(axis=2)
    offered = s.direct_kw + s.contract_kw + discharge_high
    return Limits(
        it_low=it_low,
        it_high=it_high,
        store_out_high=cold_high + given_high,
        load_high=site_model.facility_kw(it_high, s.slope, s.fixed_kw) + more,
        net_low=net_low,
        net_high=net_high,
        discharge_high=discharge_high,
        grid_low=np.maximum(0.0, net_low - offered),
        grid_high=np.maximum(0.0, net_high),
    )


def _it_limits(p: Params, s: Sites) -> tuple[Floats, Floats]:
    """Least and most IT power, each shape (T, R) [kW].

    The least is with no GPU at work and with the least or most GPUs awake, whichever draws less. The most is with all
    GPUs at work and includes the power for waking.
    """
    site, least = site_model.power_of(p, 0), least_awake_gpus(p, s)
    gap_gpus = np.zeros(s.fleet_gpus.shape)
    for r in np.flatnonzero(p.serving_exponent[0] != 1):
        exponent, shared = p.serving_exponent[0, r], p.serving_gpus[0, r]
        widest = np.minimum(s.interactive_gpus[:, r], shared * exponent ** (1.0 / (1.0 - exponent)))
        gap_gpus[:, r] = shared * (widest / shared) ** exponent - widest
    quiet = [site_model.it_kw(site, s.fleet_gpus, s.fleet_gpus - awake, 0.0) for awake in (least, s.fleet_gpus)]
    woken = [(p.fleet_gpus[0] - awake) * s.sleeps for awake in (least, s.fleet_gpus)]
    waking = [site_model.waking_kw(site, gpus, p.step_h[0]) for gpus in woken]
    full_kw = site_model.kw_per_awake_gpu(site, 1.0) * (s.fleet_gpus + gap_gpus)
    return np.minimum(*quiet), np.maximum(quiet[0] + waking[0], quiet[1] + waking[1]) + full_kw


def least_awake_gpus(p: Params, s: Sites) -> Floats:
    """GPUs that are awake under any policy, shape (T, R): all in the first step, then at least the headroom."""
    least = np.minimum(s.fleet_gpus, p.headroom_gpus[0])
    least[:1] = s.fleet_gpus[:1]
    return least


def served(p: Params, s: Sites) -> tuple[Floats, Floats, Floats]:
    """Power of all requests in busy GPUs, and the most and least that it falls for each GPU of dropped requests.

    The power is concave in the requests served, up to the GPUs reserved for them. It is never below the chord from 0.
    It is never above the tangent or, beyond the reserved GPUs, the line with the least slope. Each shape is (T, R).
    """
    exponent, demand = p.serving_exponent[0], s.interactive_gpus
    share = np.minimum(1.0, np.maximum(demand, 1e-12) / p.serving_gpus[0])
    power = site_model.serving_gpus(site_model.power_of(p, 0), demand)
    steep = np.where(demand > 0, power / np.maximum(demand, 1e-12), 1.0)
    flat = np.where(demand > 0, exponent * share ** (exponent - 1.0), 1.0)
    return power * (demand > 0), steep, flat
