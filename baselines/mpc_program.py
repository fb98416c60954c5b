"""The planner's linear program: fluid work over blocks of hours, regions' power, their stores, and their peaks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from wattward.baselines.bound_lp import Builder, solve, values_of
from wattward.baselines.mpc_demand import Work
from wattward.baselines.mpc_sites import Ahead
from wattward.envs.types import Floats, Ints, Params


class Start(NamedTuple):
    """How things stand, shape (R,), and what the plan is charged with beside the forecasts."""

    peak_kw: Floats
    stored_kwh: Floats
    chilled_kwh: Floats
    link_gb_per_h: Floats
    demand_yuan_per_kw: Floats
    left_yuan_per_gpu_h: Floats  # work that the plan leaves undone, by where it lies
    store_yuan_per_kwh: Floats  # what the stores hold when the plan ends is worth
    urgency_yuan_per_gpu_h: float  # for each hour that work is put off: breaks ties


class Plan(NamedTuple):
    """What to do in M blocks."""

    work_gpu_h: Floats  # (M, R, R) by where it lies and where it is done
    peak_kw: Floats  # (R,)
    charge_kw: Floats  # (M, R) AC side
    discharge_kw: Floats  # (M, R)
    tank_in_kw: Floats  # (M, R) of heat
    tank_out_kw: Floats  # (M, R)


class _Stores(NamedTuple):
    """Columns (M, R); ABSENT where a site has none, or a rule orders it."""

    charge: Ints
    discharge: Ints
    tank_in: Ints
    tank_out: Ints


def plan(params: Params, ahead: Ahead, work: Work, start: Start) -> Plan:
    """The cheapest plan.

    Raises:
        SolverError: the solver gave up.
    """
    build, n_blocks, n_regions = Builder(), ahead.hours.size, ahead.kw_per_gpu.size
    done = _add_work(build, params, ahead, work, start)
    for r in range(n_regions):
        build.rows(np.zeros(n_blocks), ahead.room_gpu_h[:, r], (1.0, np.moveaxis(done[:, :, r], 0, 1)))
    _add_links(build, work, start, ahead, done)
    stores = _add_stores(build, params, ahead, start)
    peak = _add_power(build, params, ahead, start, done, stores)
    x = solve(build.program(), "simplex").primal
    by_group = values_of(done, x)
    lies = (work.place[:, None] == np.arange(n_regions)).astype(np.float64)
    return Plan(
        work_gpu_h=np.einsum("kmr,kl->mlr", by_group, lies),
        peak_kw=values_of(peak, x),
        **{name: values_of(columns, x) for name, columns in zip(_NAMES, stores, strict=True)},
    )


_NAMES = ("charge_kw", "discharge_kw", "tank_in_kw", "tank_out_kw")


def _add_work(build: Builder, p: Params, ahead: Ahead, work: Work, start: Start) -> Ints:
    """Columns of work done by group, block and region, shape (K, M, R) [GPU-h]."""
    n_groups, n_blocks = work.can_gpu_h.shape
    n_regions, hours = ahead.kw_per_gpu.size, ahead.hours
    away = work.place[:, None] != np.arange(n_regions)
    power_yuan_per_gb = p.wan_kwh_per_gb[0, work.place] * ahead.grid_yuan_per_kwh[0, work.place]
    move = away * (work.gb_per_gpu_h * (p.wan_yuan_per_gb[0, work.place] + power_yuan_per_gb))[:, None]
    put_off = start.urgency_yuan_per_gpu_h * (np.cumsum(hours) - hours)
    cost = move[:, None, :] + put_off[None, :, None]
    some = (work.total_gpu_h > 1e-9)[:, None, None]
    done = build.columns((n_groups, n_blocks, n_regions), cost, 0.0, work.rate_gpu_h[:, :, None], some)
    so_far = build.columns((n_groups, n_blocks), 0.0, 0.0, work.can_gpu_h, some[:, :, 0])
    late_yuan = p.late_yuan_per_gpu_h_per_h[0] * hours
    late = build.columns((n_groups, n_blocks), late_yuan[None, :], 0.0, np.inf, some[:, :, 0])
    left = build.columns((n_groups,), start.left_yuan_per_gpu_h[work.place], 0.0, np.inf, some[:, 0, 0])
    before = np.concatenate([np.full((n_groups, 1), -1), so_far[:, :-1]], axis=1)
    zero = np.zeros((n_groups, n_blocks))
    build.rows(zero, zero, (1.0, so_far), (-1.0, before), (-1.0, done))
    there = np.flatnonzero(some[:, 0, 0])
    build.rows(work.must_gpu_h[there], np.inf, (1.0, so_far[there]), (1.0, late[there]))
    build.rows(zero[there], work.rate_gpu_h[there], (1.0, done[there]))
    build.rows(work.total_gpu_h[there], np.inf, (1.0, so_far[there, -1]), (1.0, left[there]))
    return done


def _add_links(build: Builder, work: Work, start: Start, ahead: Ahead, done: Ints) -> None:
    most = start.link_gb_per_h * ahead.hours[:, None]
    for r in range(ahead.kw_per_gpu.size):
        mine = work.place == r
        for groups, regions in ((mine, np.arange(most.shape[1]) != r), (~mine, np.arange(most.shape[1]) == r)):
            terms = [(float(work.gb_per_gpu_h[k]), done[k][:, regions]) for k in np.flatnonzero(groups)]
            if terms and regions.any():
                build.rows(np.zeros(most.shape[0]), most[:, r], *terms)


def _add_stores(build: Builder, p: Params, ahead: Ahead, start: Start) -> _Stores:
    """Stores that an action orders; others follow their rule and are left out of the plan."""
    shape, h = ahead.base_kw.shape, ahead.hours[:, None]
    battery, tank = p.battery_entry[0] >= 0, p.tank_entry[0] >= 0
    wear = p.battery_wear_yuan_per_kwh[0]
    charge = build.columns(shape, 0.0, 0.0, p.battery_charge_kw[0], battery)
    discharge = build.columns(shape, h * wear, 0.0, p.battery_discharge_kw[0], battery)
    tank_in = build.columns(shape, 0.0, 0.0, p.tank_charge_kw[0], tank)
    tank_out = build.columns(shape, 0.0, 0.0, p.tank_discharge_kw[0], tank)
    worth = np.zeros(shape)
    worth[-1] = -start.store_yuan_per_kwh
    each = (
        (
            battery,
            p.battery_kwh,
            p.battery_loss_per_h,
            start.stored_kwh,
            charge,
            discharge,
            p.battery_charge_efficiency,
        ),
        (tank, p.tank_kwh, p.tank_loss_per_h, start.chilled_kwh, tank_in, tank_out, np.ones_like(p.tank_kwh)),
    )
    out_per_kwh = (1.0 / np.where(battery, p.battery_discharge_efficiency[0], 1.0), np.ones(shape[1]))
    for (there, most, loss, at_first, into, out, kept), taken in zip(each, out_per_kwh, strict=True):
        per_kwh = np.where(tank, 1.0 / np.maximum(p.tank_cop[0], 1e-9), 0.0) if there is tank else 1.0 / taken
        level = build.columns(shape, worth * per_kwh, 0.0, most[0], there)
        for r in np.flatnonzero(there):
            keep = (1.0 - loss[0, r]) ** ahead.hours
            first = np.zeros(shape[0])
            first[0] = keep[0] * at_first[r]
            before = np.concatenate([[-1], level[:-1, r]])
            terms = ((1.0, level[:, r]), (-keep, before), (-ahead.hours * kept[0, r], into[:, r]))
            build.rows(first, first, *terms, (ahead.hours * taken[r], out[:, r]))
    return _Stores(charge, discharge, tank_in, tank_out)


def _add_power(build: Builder, p: Params, ahead: Ahead, start: Start, done: Ints, stores: _Stores) -> Ints:
    """Power in = power out in every block; columns of the peaks, shape (R,)."""
    shape, h = ahead.base_kw.shape, ahead.hours[:, None]
    price, big = ahead.grid_yuan_per_kwh, np.inf
    grid = build.columns(shape, h * price, 0.0, big)
    direct = build.columns(shape, h * p.direct_yuan_per_kwh[0], 0.0, ahead.direct_kw)
    prepaid_kw = p.contract_take_share[0] * ahead.contract_kw
    prepaid = build.columns(shape, 0.0, 0.0, prepaid_kw)
    contract = build.columns(shape, h * p.contract_yuan_per_kwh[0], 0.0, ahead.contract_kw - prepaid_kw)
    feed_kw = np.minimum(p.feed_in_kw[0], ahead.own_kw)
    sold = build.columns(shape, -h * p.feed_in_yuan_per_kwh[0], 0.0, feed_kw)
    spilt = build.columns(shape, h * np.maximum(0.0, -price), 0.0, big)
    peak = build.columns(shape[1:], start.demand_yuan_per_kw, start.peak_kw, big)
    miss_yuan = h * (p.event_penalty_yuan_per_kwh[0] + p.event_pay_yuan_per_kwh[0])
    missed = build.columns(shape, miss_yuan, 0.0, big, ahead.cut_kw > 0)
    for r in range(shape[1]):
        busy = np.moveaxis(done[:, :, r], 0, 1)
        chilled_in = ((-1.0 / max(p.tank_charge_cop[0, r], 1e-9), stores.tank_in[:, r]),)
        chilled_out = ((1.0 / max(p.tank_cop[0, r], 1e-9), stores.tank_out[:, r]),)
        supply = tuple((1.0, columns[:, r]) for columns in (grid, direct, prepaid, contract, stores.discharge))
        use = tuple((-1.0, columns[:, r]) for columns in (sold, spilt, stores.charge))
        needed = ahead.base_kw[:, r] - ahead.own_kw[:, r]
        build.rows(needed, needed, *supply, *use, *chilled_in, *chilled_out, (-ahead.kw_per_gpu[r] / ahead.hours, busy))
        build.rows(np.zeros(shape[0]), big, (1.0, np.full(shape[0], peak[r])), (-1.0, grid[:, r]))
        asked = np.flatnonzero(ahead.cut_kw[:, r] > 0)
        least = ahead.cut_kw[asked, r] - p.event_baseline_kw[0, r]
        build.rows(least, big, (1.0, missed[asked, r]), (-1.0, grid[asked, r]))
    return peak
