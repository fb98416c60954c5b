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
