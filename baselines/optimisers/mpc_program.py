"""The planner's linear program: fluid work over blocks of hours, and the power, stores and peaks of the regions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattward.baselines.demand import Work
from wattward.baselines.lp import Builder, solve, values_of
from wattward.baselines.optimisers.mpc_sites import Ahead
from wattward.envs.model.stores import is_cooling
from wattward.envs.model.types import Floats, Ints, Params

MOST_TRACED = 3
"""Largest number of regions for which a plan tracks where each group's work goes.

The number of columns for this would grow with the square of the number of regions.
"""


class Start(NamedTuple):
    """The present state and the plan's charges that are not forecasts, shape (R,) unless stated."""

    peak_kw: Floats
    stored_kwh: Floats  # (R, S)
    link_gb_per_h: Floats
    demand_charge_per_kw: Floats
    left_cost_per_gpu_h: Floats  # of work that the plan leaves unfinished, by its region
    store_cost_per_kwh: Floats  # value of the energy in the stores when the plan ends
    urgency_cost_per_gpu_h: float  # for each hour of delay, in the blocks that are trusted; breaks ties
    trusted: NDArray[np.bool_]  # (M,) whether the plan counts on a block's prices; in others, work does not move


class Plan(NamedTuple):
    """A plan over M blocks."""

    own_gpu_h: Floats  # (M, R) the region's own work done here
    pulled_gpu_h: Floats  # (M, R) work of other regions done here
    peak_kw: Floats  # (R,)
    into_kw: Floats  # (M, R, S) into stores that actions control; 0 for other stores
    out_kw: Floats  # (M, R, S)
    power_cost_per_gpu_h: Floats  # (M, R) dual of the power balance: what the power of one more GPU-hour costs
    room_cost_per_gpu_h: Floats  # (M, R) dual of the GPUs: what one more GPU-hour would save


class _Flow(NamedTuple):
    """Columns of work."""

    done: Ints  # (K, M, W) by group, block and destination; one destination per region or, if pooled, own and other
    into: Ints | None  # (M, R) work taken from other regions, if destinations are pooled
    busy: tuple[Ints, ...]  # R arrays (M, X): the columns of work that uses the region's GPUs


class _Stores(NamedTuple):
    """Columns (M, R, S), measured on the store's own side; ABSENT if there is no store or no action controls it."""

    into: Ints
    out: Ints


def plan(params: Params, ahead: Ahead, work: Work, start: Start, method: str = "simplex") -> Plan:
    """The cheapest plan.

    Raises:
        SolverError: the solver gave up.
    """
    build, n_blocks, n_regions = Builder(), ahead.hours.size, ahead.kw_per_gpu.size
    flow = _add_flow(build, params, ahead, work, start)
    none = np.zeros(n_blocks)
    room = np.stack([build.rows(none, ahead.room_gpu_h[:, r], (1.0, flow.busy[r])) for r in range(n_regions)], axis=1)
    _add_links(build, work, start, ahead, flow)
    stores = _add_stores(build, params, ahead, start)
    peak, balance = _add_power(build, params, ahead, start, flow, stores)
    x, dual, _, _ = solve(build.program(), method)
    own, pulled = _work_of_regions(work, flow, x, n_regions)
    return Plan(
        own_gpu_h=own,
        pulled_gpu_h=pulled,
        peak_kw=values_of(peak, x),
        into_kw=values_of(stores.into, x),
        out_kw=values_of(stores.out, x),
        power_cost_per_gpu_h=dual[balance] * ahead.kw_per_gpu / ahead.hours[:, None],
        room_cost_per_gpu_h=-dual[room],
    )


def _work_of_regions(work: Work, flow: _Flow, x: Floats, n_regions: int) -> tuple[Floats, Floats]:
    """The region's own work and the work of other regions done in each region, each shape (M, R) [GPU-h]."""
    lies = (work.place[:, None] == np.arange(n_regions)).astype(np.float64)
    by_region = np.einsum("kmw,kl->mlw", values_of(flow.done, x), lies)
    if flow.into is None:
        own = np.einsum("mrr->mr", by_region)
        return own, by_region.sum(axis=1) - own
    into = values_of(flow.into, x)
    back = np.minimum(by_region[:, :, 1], into)
    return by_region[:, :, 0] + back, into - back


def _add_flow(build: Builder, p: Params, ahead: Ahead, work: Work, start: Start) -> _Flow:
    """Adds columns of work by group, block and destination. With many regions the destinations are pooled.

    The cost of moving work depends only on where it comes from, so pooling leaves costs exact. It only loses which
    group's data a region receives. So each GPU-hour that a region receives loads its link with the mean data of all
    groups.
    """
    n_regions = ahead.kw_per_gpu.size
    if n_regions <= MOST_TRACED:
        done = _add_work(build, p, ahead, work, start, work.place[:, None] != np.arange(n_regions))
        return _Flow(done, None, tuple(done[:, :, r].T for r in range(n_regions)))
    done = _add_work(build, p, ahead, work, start, np.broadcast_to([False, True], (work.place.size, 2)))
    into = build.columns(ahead.room_gpu_h.shape, 0.0, 0.0, np.inf)
    none = np.zeros(ahead.hours.size)
    build.rows(none, none, (1.0, done[:, :, 1].T), (-1.0, into))
    here = [done[work.place == r, :, 0].T for r in range(n_regions)]
    return _Flow(done, into, tuple(np.column_stack([own, into[:, r]]) for r, own in enumerate(here)))


def _add_work(build: Builder, p: Params, ahead: Ahead, work: Work, start: Start, away: NDArray[np.bool_]) -> Ints:
    """Columns of work done by group, block and destination, shape (K, M, W) [GPU-h].

    `away` (K, W) says for which destinations the work must move.
    """
    n_groups, n_blocks = work.can_gpu_h.shape
    hours = ahead.hours
    power_cost_per_gb = p.wan_kwh_per_gb[0, work.place] * ahead.grid_price_per_kwh[0, work.place]
    move = away * (work.gb_per_gpu_h * (p.wan_cost_per_gb[0, work.place] + power_cost_per_gb))[:, None]
    put_off = start.urgency_cost_per_gpu_h * (np.cumsum(hours) - hours) * start.trusted
    cost = move[:, None, :] + put_off[None, :, None]
    some = (work.total_gpu_h > 1e-9)[:, None, None]
    most = np.where(away[:, None, :] & ~start.trusted[:, None], 0.0, work.rate_gpu_h[:, :, None])
    done = build.columns((n_groups, n_blocks, away.shape[1]), cost, 0.0, most, some)
    so_far = build.columns((n_groups, n_blocks), 0.0, 0.0, work.can_gpu_h, some[:, :, 0])
    late_cost = p.late_cost_per_gpu_h_per_h[0] * hours
    late = build.columns((n_groups, n_blocks), late_cost[None, :], 0.0, np.inf, some[:, :, 0])
    left = build.columns((n_groups,), start.left_cost_per_gpu_h[work.place], 0.0, np.inf, some[:, 0, 0])
    before = np.concatenate([np.full((n_groups, 1), -1), so_far[:, :-1]], axis=1)
    zero = np.zeros((n_groups, n_blocks))
    build.rows(zero, zero, (1.0, so_far), (-1.0, before), (-1.0, done))
    there = np.flatnonzero(some[:, 0, 0])
    build.rows(work.must_gpu_h[there], np.inf, (1.0, so_far[there]), (1.0, late[there]))
    build.rows(zero[there], work.rate_gpu_h[there], (1.0, done[there]))
    build.rows(work.total_gpu_h[there], np.inf, (1.0, so_far[there, -1]), (1.0, left[there]))
    return done


def _add_links(build: Builder, work: Work, start: Start, ahead: Ahead, flow: _Flow) -> None:
    """Limits the data that leave a region, and the data that enter it, each to the capacity of its link."""
    most = start.link_gb_per_h * ahead.hours[:, None]
    none, n_regions = np.zeros(most.shape[0]), most.shape[1]
    mean_gb = float(work.gb_per_gpu_h @ work.total_gpu_h / max(float(work.total_gpu_h.sum()), 1e-9))
    for r in range(n_regions):
        mine, elsewhere = work.place == r, np.arange(flow.done.shape[2]) != r
        if flow.into is None:
            _add_link(build, work, flow, most[:, r], np.flatnonzero(mine), elsewhere)
            _add_link(build, work, flow, most[:, r], np.flatnonzero(~mine), ~elsewhere)
        else:
            _add_link(build, work, flow, most[:, r], np.flatnonzero(mine), np.array([False, True]))
            build.rows(none, most[:, r], (mean_gb, flow.into[:, r]))


def _add_link(build: Builder, work: Work, flow: _Flow, most: Floats, groups: Ints, ways: NDArray[np.bool_]) -> None:
    terms = [(float(work.gb_per_gpu_h[k]), flow.done[k][:, ways]) for k in groups]
    if terms and ways.any():
        build.rows(np.zeros(most.size), most, *terms)


def _add_stores(build: Builder, p: Params, ahead: Ahead, start: Start) -> _Stores:
    """Adds the stores that actions control. Other stores follow their rule and are left out of the plan."""
    there, cools = p.store_entry[0] >= 0, is_cooling(p)[0]
    shape, hours = (ahead.hours.size, *there.shape), ahead.hours
    wear_cost = hours[:, None, None] * p.store_wear_cost_per_kwh[0]
    into = build.columns(shape, 0.0, 0.0, p.store_charge_kw[0], there)
    out = build.columns(shape, wear_cost, 0.0, p.store_discharge_kw[0], there)
    taken = 1.0 / p.store_discharge_efficiency[0]
    spared_per_kwh = np.where(cools, 1.0 / np.maximum(p.store_cop[0], 1e-9), 1.0) / taken
    worth = np.zeros(shape)
    worth[-1] = -start.store_cost_per_kwh[:, None] * spared_per_kwh
    keep = (1.0 - p.store_loss_per_h[0]) ** hours[:, None, None]
    least = np.minimum(p.store_reserve_kwh[0], start.stored_kwh) * np.cumprod(keep, axis=0)
    level = build.columns(shape, worth, least, p.store_capacity_kwh[0], there)
    for r, s in zip(*np.nonzero(there), strict=True):
        first = np.zeros(shape[0])
        first[0] = keep[0, r, s] * start.stored_kwh[r, s]
        before = np.concatenate([[-1], level[:-1, r, s]])
        terms = ((1.0, level[:, r, s]), (-keep[:, r, s], before))
        kept = p.store_charge_efficiency[0, r, s]
        build.rows(first, first, *terms, (-hours * kept, into[:, r, s]), (hours * taken[r, s], out[:, r, s]))
    return _Stores(into, out)


def _add_power(
    build: Builder, p: Params, ahead: Ahead, start: Start, flow: _Flow, stores: _Stores
) -> tuple[Ints, Ints]:
    """Adds the power balance of every block; returns the columns of the peaks (R,) and the balances' rows (M, R)."""
    shape, h, n_stores = ahead.base_kw.shape, ahead.hours[:, None], stores.into.shape[2]
    price, big = ahead.grid_price_per_kwh, np.inf
    grid = build.columns(shape, h * price, 0.0, big)
    direct = build.columns(shape, h * p.direct_price_per_kwh[0], 0.0, ahead.direct_kw)
    prepaid_kw = p.contract_take_share[0] * ahead.contract_kw
    prepaid = build.columns(shape, 0.0, 0.0, prepaid_kw)
    contract = build.columns(shape, h * p.contract_price_per_kwh[0], 0.0, ahead.contract_kw - prepaid_kw)
    feed_kw = np.minimum(p.feed_in_kw[0], ahead.own_kw)
    sold = build.columns(shape, -h * p.feed_in_price_per_kwh[0], 0.0, feed_kw)
    spilt = build.columns(shape, h * np.maximum(0.0, -price), 0.0, big)
    peak = build.columns(shape[1:], start.demand_charge_per_kw, start.peak_kw, big)
    miss_cost = h * (p.event_penalty_per_kwh[0] + p.event_pay_per_kwh[0])
    missed = build.columns(shape, miss_cost, 0.0, big, ahead.cut_kw > 0)
    balance = np.empty(shape, dtype=np.int64)
    for r in range(shape[1]):
        stored = [(-1.0 / p.store_charge_cop[0, r, s], stores.into[:, r, s]) for s in range(n_stores)]
        stored += [(1.0 / p.store_cop[0, r, s], stores.out[:, r, s]) for s in range(n_stores)]
        supply = tuple((1.0, columns[:, r]) for columns in (grid, direct, prepaid, contract))
        use = tuple((-1.0, columns[:, r]) for columns in (sold, spilt))
        needed = ahead.base_kw[:, r] - ahead.own_kw[:, r]
        busy = (-ahead.kw_per_gpu[r] / ahead.hours, flow.busy[r])
        balance[:, r] = build.rows(needed, needed, *supply, *use, *stored, busy)
        build.rows(np.zeros(shape[0]), big, (1.0, np.full(shape[0], peak[r])), (-1.0, grid[:, r]))
        asked = np.flatnonzero(ahead.cut_kw[:, r] > 0)
        least = ahead.cut_kw[asked, r] - p.event_baseline_kw[0, r]
        build.rows(least, big, (1.0, missed[asked, r]), (-1.0, grid[asked, r]))
    return peak, balance
