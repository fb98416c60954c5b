"""What GPU-hours cost: now, in the coming hours, and at the price at which supply meets the work.

The functions are parts of the kernels of `wattward.baselines.index`. `sites`, `now` and `regions` are rows of SITE,
HOUR and REGION, shape (R,).
"""

from __future__ import annotations

import numpy as np

from wattward.baselines.index.parameters import AT, Numbers
from wattward.baselines.index.table import (
    BOUGHT_COST,
    BOUGHT_GPUS,
    CONTRACT,
    CUT,
    DAY_H,
    DIRECT,
    GREEN,
    GRID_COST,
    HORIZONS_H,
    N_HORIZONS,
    N_KNOWN,
    N_SEGMENTS,
    OWN_COST,
    OWN_GPUS,
    PRICE,
    ROOM_GPUS,
)
from wattward.envs.kernels.compiling import called, inlined
from wattward.envs.model import site_model
from wattward.envs.model.layout import Row, Rows
from wattward.envs.model.types import CARBON, IN_TRANSIT, INTERACTIVE, RUNNING, Floats

N_BINS = 64
URGENT_H = 6.0


@inlined
def kw_per_gpu(site: Row, hour: Row) -> float:
    """Net power that one more GPU adds that was resting before [kW]."""
    return max(1e-9, site_model.kw_per_rested_gpu(site, site_model.net_slope(site, hour.pue)))


@called
def fill_blocks(
    p: Row, sites: Rows, now: Rows, forecasts: Floats, known: Floats, first_steps: int, steps: int, out: Floats
) -> int:
    """Fills forecast blocks from what is known in a step; returns how many the forecasts cover.

    Args:
        p: row of SCENARIO.
        sites: the sites.
        now: the present hour.
        forecasts: forecasts of SUN, WIND, INTERACTIVE and CARBON, shape (4, L, R).
        known: PRICE, CONTRACT, GREEN, DIRECT and CUT by lead, shape (N_KNOWN, L, R).
        first_steps: steps in the first block, to the end of the present hour.
        steps: steps in each other block.
        out: receives the blocks, shape (H, R, N_AHEAD).
    """
    n_leads = forecasts.shape[1]
    n_blocks = min(out.shape[0], 1 + max(0, n_leads - first_steps) // steps)
    means = np.empty(N_KNOWN + 2)
    for r in range(sites.size):
        for h in range(n_blocks):
            first = 0 if h == 0 else first_steps + (h - 1) * steps
            last = min(n_leads, first_steps + h * steps)
            for i in range(N_KNOWN + 2):
                means[i] = 0.0
            for lead in range(first, last):
                for i in range(N_KNOWN):
                    means[i] += known[i, lead, r] / (last - first)
                means[N_KNOWN] += forecasts[INTERACTIVE, lead, r] / (last - first)
                means[N_KNOWN + 1] += forecasts[CARBON, lead, r] / (last - first)
            _fill_block(p, sites[r], now[r], means, out[h, r])
    return n_blocks


@inlined
def _fill_block(p: Row, site: Row, hour: Row, means: Floats, out: Floats) -> None:
    kw, in_order = kw_per_gpu(site, hour), hour.fleet_gpus
    served = min(means[N_KNOWN], in_order)
    awake, at_work = site_model.kept_awake_gpus(site, served, in_order), site_model.serving_gpus(site, served)
    slope = site_model.net_slope(site, hour.pue)
    base_kw = site_model.base_kw(site, slope, hour.fixed_kw, in_order, awake, at_work)
    own_kw = max(0.0, means[GREEN] - base_kw)
    base_kw = max(0.0, base_kw - means[GREEN])
    bought_kw = max(0.0, means[DIRECT] + means[CONTRACT] - base_kw)
    base_kw = max(0.0, base_kw - means[DIRECT] - means[CONTRACT])
    out[ROOM_GPUS] = max(0.0, in_order - served)
    out[OWN_GPUS] = min(out[ROOM_GPUS], own_kw / kw)
    out[OWN_COST] = site.feed_in_price_per_kwh * kw * min(1.0, site.feed_in_kw / max(1e-9, own_kw))
    out[BOUGHT_GPUS] = min(out[ROOM_GPUS] - out[OWN_GPUS], bought_kw / kw)
    contract_price = site.contract_price_per_kwh * (1.0 - site.contract_take_share)
    bought = means[DIRECT] * site.direct_price_per_kwh + means[CONTRACT] * contract_price
    out[BOUGHT_COST] = bought / max(1e-9, means[DIRECT] + means[CONTRACT]) * kw
    price = means[PRICE] + p.carbon_price_per_kg * means[N_KNOWN + 1]
    if means[CUT] > 0.0:
        grid_kw = (out[ROOM_GPUS] - out[OWN_GPUS] - out[BOUGHT_GPUS]) * kw
        over_kw = max(0.0, base_kw + grid_kw - max(0.0, site.event_baseline_kw - means[CUT]))
        price += (site.event_penalty_per_kwh + site.event_pay_per_kwh) * min(1.0, over_kw / max(1e-9, grid_kw))
    out[GRID_COST] = price * kw


@inlined
def block_at(h: int, n_blocks: int, block_h: float) -> int:
    """The forecast block that stands for block `h`: itself, or beyond the forecasts the same hour of the day before."""
    day = max(1, min(n_blocks - 1, round(DAY_H / block_h)))
    while h >= n_blocks and h > 0:
        h -= day
    return max(0, h)


@inlined
def shortfall_price_per_kwh(site: Row, region: Row) -> float:
    """Cost of a kWh that is not green, where the site is below its least green share; 0 elsewhere."""
    if region.green_kwh < site.green_share_min * region.load_kwh:
        return site.green_share_min * site.shortfall_price_per_kwh
    return 0.0


@called
def fill_locked(queue: Rows, n_jobs: int, first_h: float, block_h: float, locked: Floats) -> None:
    """Fills the GPUs that locked jobs are expected to hold in each block, shape (H, R)."""
    locked[:, :] = 0.0
    for k in range(n_jobs):
        job = queue[k]
        if job.status != RUNNING or job.preemptible:
            continue
        left_h, h = job.expected_gpu_h / job.gpus, 0
        while left_h > 0.0 and h < locked.shape[0]:
            length = first_h if h == 0 else block_h
            locked[h, job.region] += job.gpus * min(1.0, left_h / length)
            left_h -= length
            h += 1


@called
def fill_supply(
    sites: Rows,
    now: Rows,
    regions: Rows,
    ahead: Floats,
    n_blocks: int,
    block_h: float,
    locked: Floats,
    surplus: float,
    out: Floats,
) -> float:
    """Fills what is left of the blocks beside locked jobs, shape (H, R, N_AHEAD); returns the mean cost of the grid."""
    mean = 0.0
    for r in range(sites.size):
        extra = shortfall_price_per_kwh(sites[r], regions[r]) * kw_per_gpu(sites[r], now[r])
        for h in range(out.shape[0]):
            block, left, held = ahead[block_at(h, n_blocks, block_h), r], out[h, r], locked[h, r]
            left[ROOM_GPUS] = max(0.0, block[ROOM_GPUS] - held)
            own = max(0.0, block[OWN_GPUS] - held)
            bought = max(0.0, block[BOUGHT_GPUS] - max(0.0, held - block[OWN_GPUS]))
            left[OWN_GPUS] = min(left[ROOM_GPUS], own * surplus)
            left[BOUGHT_GPUS] = min(left[ROOM_GPUS] - left[OWN_GPUS], bought * surplus)
            left[OWN_COST], left[BOUGHT_COST] = block[OWN_COST], block[BOUGHT_COST]
            left[GRID_COST] = block[GRID_COST] + extra
            mean += left[GRID_COST] / (out.shape[0] * sites.size)
    return mean


@called
def fill_clearing(
    supply: Floats, first_h: float, block_h: float, end_h: float, demand_gpu_h: Floats, fill: float, prices: Floats
) -> None:
    """Fills the clearing price of each horizon: the price below which supply until then meets the work, (N_HORIZONS,).

    Supply of all regions is pooled, and sorted into bins of price.
    """
    least, most = _price_range(supply)
    width = max(1e-9, (most - least) / N_BINS)
    bins, start, h = np.zeros(N_BINS), 0.0, 0
    for k in range(N_HORIZONS):
        until = min(HORIZONS_H[k], end_h)
        while h < supply.shape[0] and start < until - 1e-9:
            length = first_h if h == 0 else block_h
            hours = fill * min(length, end_h - start)
            for r in range(supply.shape[1]):
                _add_block(supply[h, r], hours, least, width, bins)
            start += length
            h += 1
        prices[k] = _clearing_price(bins, demand_gpu_h[k], least, width)


@inlined
def _price_range(supply: Floats) -> tuple[float, float]:
    least, most = np.inf, -np.inf
    for h in range(supply.shape[0]):
        for r in range(supply.shape[1]):
            block = supply[h, r]
            least, most = min(least, block[GRID_COST]), max(most, block[GRID_COST])
            if block[OWN_GPUS] > 0.0:
                least = min(least, block[OWN_COST])
            if block[BOUGHT_GPUS] > 0.0:
                least, most = min(least, block[BOUGHT_COST]), max(most, block[BOUGHT_COST])
    return least, most


@inlined
def _add_block(block: Floats, hours: float, least: float, width: float, bins: Floats) -> None:
    grid = max(0.0, block[ROOM_GPUS] - block[OWN_GPUS] - block[BOUGHT_GPUS])
    _add(block[OWN_COST], block[OWN_GPUS] * hours, least, width, bins)
    _add(block[BOUGHT_COST], block[BOUGHT_GPUS] * hours, least, width, bins)
    _add(block[GRID_COST], grid * hours, least, width, bins)


@inlined
def _add(cost: float, gpu_h: float, least: float, width: float, bins: Floats) -> None:
    bins[min(N_BINS - 1, max(0, int((cost - least) / width)))] += gpu_h


@inlined
def _clearing_price(bins: Floats, wanted_gpu_h: float, least: float, width: float) -> float:
    """The price at which the bins, in their order, hold the wanted GPU-hours; above the highest if they never do."""
    left = wanted_gpu_h
    total = 0.0
    for i in range(N_BINS):
        if left <= bins[i] and bins[i] > 0.0:
            return least + width * (i + left / bins[i])
        left -= bins[i]
        total += bins[i]
    return least + width * N_BINS * (1.0 + min(1.0, left / max(1.0, total)))


@called
def fill_demand(
    p: Row, queue: Rows, n_jobs: int, step: int, arrivals: Floats, numbers: Numbers, demand: Floats
) -> tuple[float, float]:
    """Fills the work that each horizon should do [GPU-h], (N_HORIZONS,); returns the waiting and the urgent work.

    Work counts in full from its deadline on, and in proportion before. Work is taken to arrive as expected.
    """
    end_h, waiting, urgent = (p.n_steps - step) * p.step_h, 0.0, 0.0
    demand[:] = 0.0
    for i in range(n_jobs):
        job = queue[i]
        if job.status == RUNNING and not job.preemptible:
            continue
        to_deadline_h = min(end_h, (job.deadline_step - step) * p.step_h)
        waiting += job.expected_gpu_h
        if job.status != IN_TRANSIT and to_deadline_h - job.left_h < URGENT_H:
            urgent += job.expected_gpu_h
        for k in range(N_HORIZONS):
            demand[k] += job.expected_gpu_h * min(1.0, HORIZONS_H[k] / max(0.1, to_deadline_h))
    lag_h = numbers[AT.arrival_lag_h]
    for i in range(step, min(p.n_steps, step + int(HORIZONS_H[-1] / p.step_h))):
        for k in range(N_HORIZONS):
            left_h = min(HORIZONS_H[k], end_h) - (i - step) * p.step_h
            if left_h > 0.0:
                must = 1.0 if HORIZONS_H[k] >= end_h else min(1.0, left_h / lag_h)
                demand[k] += numbers[AT.arrivals] * arrivals[i] * must
    return waiting, urgent


@called
def fill_segments(p: Row, sites: Rows, now: Rows, regions: Rows, numbers: Numbers, gpus: Floats, cost: Floats) -> None:
    """Fills what more busy GPUs cost in this step, in the order in which sites use their supplies, (R, N_SEGMENTS)."""
    widths, prices = np.empty(N_SEGMENTS), np.empty(N_SEGMENTS)
    for r in range(sites.size):
        site, hour, region = sites[r], now[r], regions[r]
        kw = kw_per_gpu(site, hour)
        _fill_widths(p, site, hour, region, numbers, widths, prices)
        awake = min(region.awake_gpus, hour.fleet_gpus)
        served = site_model.served_gpus(hour.interactive_gpus, awake, region.locked_gpus)
        at_work = site_model.serving_gpus(site, served) + region.locked_gpus
        slope = site_model.net_slope(site, hour.pue)
        load_kw = site_model.base_kw(site, slope, hour.fixed_kw, hour.fleet_gpus, awake, at_work)
        for s in range(N_SEGMENTS):
            used_kw = min(load_kw, widths[s])
            load_kw -= used_kw
            gpus[r, s], cost[r, s] = (widths[s] - used_kw) / kw, prices[s] * kw


@inlined
def _fill_widths(p: Row, site: Row, hour: Row, region: Row, numbers: Numbers, widths: Floats, prices: Floats) -> None:
    own_kw = hour.sun_kw + hour.wind_kw + hour.hydro_kw
    sold_kw, prepaid_kw = min(site.feed_in_kw, own_kw), site.contract_take_share * hour.contract_kw
    carbon_cost = p.carbon_price_per_kg * hour.carbon_kg_per_kwh
    grid_price = hour.price_per_kwh + carbon_cost + shortfall_price_per_kwh(site, region)
    full_kw = hour.pue * site.gpu_busy_kw * site.fleet_gpus
    peak_kw = max(region.peak_kw, numbers[AT.peak_share] * full_kw)
    uncut_kw = max(0.0, site.event_baseline_kw - hour.cut_kw) if hour.cut_kw > 0.0 else np.inf
    peak_cost = site.demand_charge_per_kw / numbers[AT.peak_h]
    miss_cost = site.event_penalty_per_kwh + site.event_pay_per_kwh
    widths[0], prices[0] = own_kw - sold_kw, 0.0
    widths[1], prices[1] = sold_kw, site.feed_in_price_per_kwh
    widths[2], prices[2] = hour.direct_kw, site.direct_price_per_kwh
    widths[3], prices[3] = prepaid_kw, 0.0
    widths[4], prices[4] = hour.contract_kw - prepaid_kw, site.contract_price_per_kwh
    widths[5], prices[5] = min(peak_kw, uncut_kw), grid_price
    widths[6] = max(peak_kw, uncut_kw) - widths[5]
    prices[6] = grid_price + (peak_cost if peak_kw <= uncut_kw else miss_cost)
    widths[7], prices[7] = 1e12, grid_price + peak_cost + miss_cost
