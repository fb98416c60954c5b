"""Forecasts of the regions for a planner, by blocks of hours."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.envs.model import site_model
from wattward.envs.model.types import Floats
from wattward.envs.policy.outlook import Outlook


class Ahead(NamedTuple):
    """Forecasts over M blocks, shape (M, R) unless stated."""

    hours: Floats  # (M,) length of the blocks
    grid_price_per_kwh: Floats  # tariff, carbon, and the cost of missing green power
    room_gpu_h: Floats  # not used by requests or by rigid jobs that cannot be stopped
    kw_per_gpu: Floats  # (R,) net power that a resting GPU adds when it starts to work
    base_kw: Floats  # net power without deferrable work
    own_kw: Floats  # of plants on site
    direct_kw: Floats
    contract_kw: Floats
    cut_kw: Floats  # announced


def look_ahead(outlook: Outlook, n_blocks: int, block_steps: int, fill: float) -> Ahead:
    """Means of the forecasts over blocks of steps.

    Beyond the forecast horizon, the values of the day before are used (or of one horizon before, if that is shorter).
    The PUE is the present one. Where GPUs sleep, those awake are the ones that the load needs, plus the headroom. So a
    further busy GPU adds the difference between busy and sleeping power. When all GPUs are awake, this is slightly too
    much.

    Args:
        outlook: the present step.
        n_blocks: number of blocks M.
        block_steps: number of steps in a block.
        fill: share of the free GPU-hours that a plan may count on.
    """
    p, step_h = outlook.params, outlook.step_h

    def blocks(by_lead: Floats) -> Floats:
        leads = np.arange(n_blocks * block_steps)
        day = min(max(1, round(24 / step_h)), by_lead.shape[0])
        at = np.where(leads < by_lead.shape[0], leads, by_lead.shape[0] - day + (leads - by_lead.shape[0]) % day)
        means: Floats = by_lead[at].reshape(n_blocks, block_steps, -1).mean(axis=1)
        return means

    requests, locked = blocks(outlook.interactive_forecast_gpus), _locked_gpus(outlook, n_blocks, block_steps)
    site, in_order = outlook.site_power, outlook.gpus_in_order
    served = site_model.served_gpus(requests, in_order, locked)
    awake = site_model.kept_awake_gpus(site, served + locked, in_order)
    at_work = site_model.serving_gpus(site, served) + locked
    free = np.maximum(0.0, in_order - requests - locked)
    hours = np.full(n_blocks, block_steps * step_h)
    carbon_cost = p.carbon_price_per_kg[0] * blocks(outlook.carbon_forecast_kg_per_kwh)
    return Ahead(
        hours=hours,
        grid_price_per_kwh=blocks(outlook.price_forecast_per_kwh) + carbon_cost + _shortfall_price_per_kwh(outlook),
        room_gpu_h=fill * free * hours[:, None],
        kw_per_gpu=outlook.kw_per_rested_gpu,
        base_kw=site_model.base_kw(site, outlook.net_pue, outlook.fixed_kw, in_order, awake, at_work),
        own_kw=blocks(outlook.green_forecast_kw),
        direct_kw=blocks(outlook.direct_forecast_kw),
        contract_kw=blocks(outlook.contract_forecast_kw),
        cut_kw=blocks(outlook.cut_forecast_kw),
    )


class SupplyNow(NamedTuple):
    """What more busy GPUs cost in this step, in segments (S) that are used one after the other, shape (S, R)."""

    gpus: Floats  # GPUs that a segment supplies
    cost_per_gpu_h: Floats


def supply_now(outlook: Outlook, store_kw: Floats, peak_kw: Floats, peak_h: float) -> SupplyNow:
    """The cost of power for more busy GPUs now, in the order in which a site uses its supplies.

    Args:
        outlook: the present step.
        store_kw: net power that stores give, shape (R,).
        peak_kw: grid power that costs no demand charge, shape (R,).
        peak_h: hours of use that pay for a rise of the peak.
    """
    p, none = outlook.params, np.zeros(outlook.n_regions)
    own_kw, direct_kw = outlook.green_forecast_kw[0], outlook.direct_forecast_kw[0]
    contract_kw = outlook.contract_forecast_kw[0]
    sold_kw = np.minimum(p.feed_in_kw[0], own_kw)
    prepaid_kw = p.contract_take_share[0] * contract_kw
    carbon_cost = p.carbon_price_per_kg[0] * outlook.carbon_forecast_kg_per_kwh[0]
    grid_price = outlook.price_per_kwh + carbon_cost + _shortfall_price_per_kwh(outlook)
    cut_kw = outlook.cut_forecast_kw[0]
    uncut_kw = np.where(cut_kw > 0.0, np.maximum(0.0, p.event_baseline_kw[0] - cut_kw), np.inf)
    peak_cost = p.demand_charge_per_kw[0] / peak_h
    miss_cost = p.event_penalty_per_kwh[0] + p.event_pay_per_kwh[0]
    first_kw, then_kw = np.minimum(peak_kw, uncut_kw), np.maximum(peak_kw, uncut_kw)
    beyond_first = np.where(peak_kw <= uncut_kw, peak_cost, miss_cost)
    segments = (
        (own_kw - sold_kw, none),
        (sold_kw, p.feed_in_price_per_kwh[0]),
        (direct_kw, p.direct_price_per_kwh[0]),
        (prepaid_kw, none),
        (contract_kw - prepaid_kw, p.contract_price_per_kwh[0]),
        (first_kw, grid_price),
        (then_kw - first_kw, grid_price + beyond_first),
        (np.full_like(none, np.inf), grid_price + peak_cost + miss_cost),
    )
    width_kw, price = (np.stack(column) for column in zip(*segments, strict=True))
    kw_per_gpu = np.maximum(outlook.kw_per_rested_gpu, 1e-9)
    until_kw = np.cumsum(width_kw, axis=0) - (outlook.base_kw - store_kw)
    left_kw = np.clip(until_kw, 0.0, width_kw)
    return SupplyNow(left_kw / kw_per_gpu, price * kw_per_gpu)


def _locked_gpus(outlook: Outlook, n_blocks: int, block_steps: int) -> Floats:
    """GPUs that running rigid jobs will hold if they cannot be stopped, by their owners' estimates, shape (M, R)."""
    jobs, block_h = outlook.jobs, block_steps * outlook.step_h
    at = np.flatnonzero(jobs.locked)
    left_blocks = jobs.expected_gpu_h[at] / jobs.gpus[at] / block_h
    share = np.clip(left_blocks[None, :] - np.arange(n_blocks)[:, None], 0.0, 1.0)
    here = jobs.region[at, None] == np.arange(outlook.n_regions)
    locked: Floats = (share * jobs.gpus[at]) @ here
    return locked


def _shortfall_price_per_kwh(outlook: Outlook) -> Floats:
    """Cost of a kWh that is not green, where the site is below its least green share; 0 elsewhere, shape (R,)."""
    p, sites = outlook.params, outlook.site_state
    behind = sites["green_kwh"] < p.green_share_min[0] * sites["load_kwh"]
    price: Floats = np.where(behind, p.green_share_min[0] * p.shortfall_price_per_kwh[0], 0.0)
    return price
