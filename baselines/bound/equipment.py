"""Rows and columns of the bound's linear program for regions with sleep, stores, contracts or programmes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wattward.baselines.bound.sites import Flags, Limits, Sites, least_awake_gpus, served
from wattward.baselines.lp import ABSENT, Builder
from wattward.envs.model import site_model
from wattward.envs.model.stores import is_cooling, is_electric
from wattward.envs.model.types import Floats, Ints, Params

Term = tuple[ArrayLike, Ints]


class Shared(NamedTuple):
    """Column numbers that every region has, shape (T, R)."""

    done: Ints  # [GPU-h]
    restarts: Ints  # [GPU-h]
    dropped: Ints  # [GPUs]
    grid: Ints  # [kW]


class Equipment(NamedTuple):
    """Column numbers, shape (T, R) [kW] unless stated; ABSENT where a region does not have the equipment."""

    it: Ints
    awake: Ints  # [GPUs] without failed ones
    woken: Ints  # [GPUs]
    load: Ints  # only where power that is not green may cost extra
    wan: Ints
    wan_extra: Ints  # (R,) [GB] data beyond those of moved work
    direct: Ints
    prepaid: Ints  # contract power that is paid for in any case
    contract: Ints  # the rest of the contract power
    into: Ints  # (T, R, S) into stores, measured on the store's own side
    out: Ints  # (T, R, S) out of stores, likewise
    stored: Ints  # (M, R, S) [kWh] at the ends of blocks
    sold: Ints
    met: Ints  # part of the requested cut that is met
    short: Ints  # (R,) [kWh] missing green energy


def add_equipment(build: Builder, p: Params, s: Sites, limits: Limits, n_blocks: int) -> Equipment:
    """Adds the columns. The levels of stores are limited only at the ends of blocks."""
    rt, h, e = s.slope.shape, float(p.step_h[0]), s.equipped
    own_high = s.green_kw + p.recovered_share[0] * limits.it_high
    there, feeds = p.store_capacity_kwh[0] > 0, (p.feed_in_kw[0] > 0) & e
    rts, by_block = (*rt, there.shape[1]), (n_blocks, *there.shape)
    asked = (s.cut_kw > 0) & e
    met_cost = -h * (p.event_penalty_per_kwh[0] + p.event_pay_per_kwh[0])
    prepaid_kw = p.contract_take_share[0] * s.contract_kw
    short_kwh = h * (limits.grid_high + limits.discharge_high).sum(axis=0)
    links = e & s.pays & (p.wan_kwh_per_gb[0] > 0)
    wan_gb = h * s.wan_kw.sum(axis=0) / np.where(links, p.wan_kwh_per_gb[0], 1.0)
    wear_cost = h * p.store_wear_cost_per_kwh[0]
    return Equipment(
        it=build.columns(rt, 0.0, limits.it_low, limits.it_high, e),
        awake=build.columns(rt, 0.0, least_awake_gpus(p, s), s.fleet_gpus, s.sleeps),
        woken=build.columns(rt, 0.0, 0.0, p.fleet_gpus[0], s.sleeps),
        load=build.columns(rt, 0.0, 0.0, limits.load_high, s.green),
        wan=build.columns(rt, 0.0, 0.0, s.wan_kw, links),
        wan_extra=build.columns(rt[1:], p.wan_cost_per_gb[0], 0.0, wan_gb, links),
        direct=build.columns(rt, h * p.direct_price_per_kwh[0], 0.0, s.direct_kw, (s.direct_kw > 0) & e),
        prepaid=build.columns(rt, 0.0, 0.0, prepaid_kw, (prepaid_kw > 0) & e),
        contract=build.columns(
            *(rt, h * p.contract_price_per_kwh[0], 0.0, s.contract_kw - prepaid_kw, (s.contract_kw > prepaid_kw) & e)
        ),
        into=build.columns(rts, 0.0, 0.0, p.store_charge_kw[0], there),
        out=build.columns(rts, wear_cost, 0.0, limits.store_out_high, there),
        stored=build.columns(by_block, 0.0, _least_stored_kwh(p, rt[0], n_blocks), p.store_capacity_kwh[0], there),
        sold=build.columns(rt, -h * p.feed_in_price_per_kwh[0], 0.0, np.minimum(p.feed_in_kw[0], own_high), feeds),
        met=build.columns(rt, met_cost, 0.0, np.minimum(s.cut_kw, p.event_baseline_kw[0]), asked),
        short=build.columns(rt[1:], p.shortfall_price_per_kwh[0], 0.0, short_kwh, s.green),
    )


def _least_stored_kwh(p: Params, n_steps: int, n_blocks: int) -> Floats:
    """Energy that no order can take out of a store by the end of each block, shape (M, R, S) [kWh].

    It is the reserve or the initial content, whichever is less, minus the losses until then.
    """
    steps = (n_steps // n_blocks * np.arange(1, n_blocks + 1))[:, None, None]
    keep = 1.0 - float(p.step_h[0]) * p.store_loss_per_h[0]
    least: Floats = np.minimum(p.store_reserve_kwh[0], p.store_start_kwh[0]) * keep**steps
    return least


def constant_cost(p: Params, s: Sites) -> dict[str, float]:
    """Constant terms of the cost: contract payments due in any case, and penalties as if no cut were met."""
    h = float(p.step_h[0])
    prepaid = p.contract_take_share[0] * s.contract_kw * p.contract_price_per_kwh[0]
    return {
        "supply_cost": h * float(prepaid.sum()),
        "event_cost": h * float((s.cut_kw * p.event_penalty_per_kwh[0]).sum()),
    }


def add_rules(build: Builder, p: Params, s: Sites, limits: Limits, shared: Shared, own: Equipment) -> None:
    """Adds the rows."""
    if not s.equipped.any():
        return
    _add_it_power(build, p, s, shared, own)
    _add_sleep(build, p, s, shared, own)
    _add_stores(build, p, s, limits, own)
    _add_balance(build, p, s, shared, own)
    _add_order(build, p, s, limits, shared, own)
    _add_cuts(build, p, s, limits, shared, own)
    _add_green_share(build, p, s, shared, own)


def add_links(build: Builder, p: Params, own: Equipment, moved: Ints, gb_per_gpu_h: Floats, origin: Ints) -> None:
    """Limits the energy of the links to that for the data of moved work and for `wan_extra`.

    `moved` (J,) are the columns of moved work [GPU-h], and `origin` (J,) its regions.
    """
    for r in np.flatnonzero(own.wan_extra >= 0):
        mine, kwh_per_gb = origin == r, p.wan_kwh_per_gb[0, r]
        draws: Term = (p.step_h[0], own.wan[:, r].reshape(1, -1))
        by_job = [
            (-kwh_per_gb * gb, column.reshape(1)) for gb, column in zip(gb_per_gpu_h[mine], moved[mine], strict=True)
        ]
        build.rows(np.full(1, -np.inf), 0.0, draws, (-kwh_per_gb, own.wan_extra[r : r + 1]), *by_job)


def _add_it_power(build: Builder, p: Params, s: Sites, shared: Shared, own: Equipment) -> None:
    """Adds rows for the IT power of GPUs awake and at work. It is limited from above only where using more may pay."""
    h, site = float(p.step_h[0]), site_model.power_of(p, 0)
    more = site_model.kw_per_awake_gpu(site, 1.0)
    power_gpus, steep, flat = served(p, s)
    base_kw = site_model.it_kw(site, s.fleet_gpus, np.where(s.sleeps, s.fleet_gpus, 0.0), power_gpus)
    for regions, drop, is_upper in ((s.equipped, steep, False), (s.equipped & s.pays, flat, True)):
        e = np.flatnonzero(regions)
        per_gpu_h, none = np.broadcast_to(-more[e] / h, base_kw[:, e].shape), np.full(base_kw[:, e].shape, np.inf)
        build.rows(
            -none if is_upper else base_kw[:, e],
            base_kw[:, e] if is_upper else none,
            (1.0, own.it[:, e]),
            (p.gpu_sleep_kw[0, e] - p.gpu_idle_kw[0, e], own.awake[:, e]),
            (-site_model.waking_kw(site, 1.0, h)[e], own.woken[:, e]),
            (per_gpu_h, shared.done[:, e]),
            (per_gpu_h, shared.restarts[:, e]),
            (more[e] * drop[:, e], shared.dropped[:, e]),
        )


def _add_sleep(build: Builder, p: Params, s: Sites, shared: Shared, own: Equipment) -> None:
    """Adds the rows of sleep.

    GPUs at work are awake. The number awake rises only by the GPUs that woke or that had failed before.
    """
    e, h = np.flatnonzero(s.sleeps), float(p.step_h[0])
    work = (1.0, shared.done[:, e]), (1.0, shared.restarts[:, e]), (-h, shared.dropped[:, e])
    none = np.full(own.awake[:, e].shape, -np.inf)
    build.rows(none, -h * s.interactive_gpus[:, e], *work, (-h, own.awake[:, e]))
    awake, woken = own.awake[:, e], own.woken[:, e]
    failed = p.fleet_gpus[0, e] - s.fleet_gpus[:-1, e]
    build.rows(none[1:], failed, (1.0, awake[1:]), (-1.0, awake[:-1]), (-1.0, woken[:-1]))
    build.rows(none, p.fleet_gpus[0, e], (1.0, awake), (1.0, woken))


def _add_stores(build: Builder, p: Params, s: Sites, limits: Limits, own: Equipment) -> None:
    """Adds the rows of stores.

    A store holds what went in, minus losses and what came out. Stored cold saves at most the cooling that is needed.
    """
    _add_levels(build, p, own)
    free = p.store_charge_cop[0] > p.store_cop[0]
    _add_one_way(build, p.store_charge_kw[0], limits.store_out_high, own, s.pays[:, None] | free)
    cools = is_cooling(p)[0]
    most_kw = p.store_discharge_kw[0] * cools
    at = np.nonzero(most_kw.sum(axis=1) > limits.it_low)
    build.rows(np.full(at[0].shape, -np.inf), 0.0, *_of_stores(own.out, at, cools * 1.0), (-1.0, own.it[at]))
    spared_kw = (most_kw / p.store_cop[0]).sum(axis=1)
    at = np.nonzero((spared_kw > 0.0) & (spared_kw > site_model.cooling_kw(limits.it_low, s.slope, s.fixed_kw)))
    spared, cooled = _of_stores(own.out, at, cools / p.store_cop[0]), (1.0 - s.slope[at], own.it[at])
    build.rows(np.full(at[0].shape, -np.inf), s.fixed_kw[at], *spared, cooled)


def _of_stores(columns: Ints, at: tuple[NDArray[np.signedinteger], ...], factor: Floats) -> list[Term]:
    """One term for each store: its columns (T, R, S) at the steps and regions `at`, times its factor (R, S)."""
    return [(factor[at[1], s], columns[*at, s]) for s in range(columns.shape[2]) if factor[:, s].any()]


def _add_levels(build: Builder, p: Params, own: Equipment) -> None:
    """Adds rows for each store's level at the end of a block (M, E): the level before plus the flows (T, E) in it."""
    r, s = np.nonzero(p.store_capacity_kwh[0] > 0)
    if not r.size:
        return
    h, level, into, out = float(p.step_h[0]), own.stored[:, r, s], own.into[:, r, s], own.out[:, r, s]
    gain, drain = h * p.store_charge_efficiency[0, r, s], h / p.store_discharge_efficiency[0, r, s]
    keep = 1.0 - h * p.store_loss_per_h[0, r, s]
    block = into.shape[0] // level.shape[0]
    flows: list[Term] = []
    for k in range(block):
        kept = np.broadcast_to(keep ** (block - 1 - k), level.shape)
        flows += [(-kept * gain, into[k::block]), (kept * drain, out[k::block])]
    before = np.concatenate([np.full_like(level[:1], ABSENT), level[:-1]])
    at_first = np.zeros(level.shape)
    at_first[0] = keep**block * p.store_start_kwh[0, r, s]
    build.rows(at_first, at_first, (1.0, level), (-(keep**block), before), *flows)


def _add_one_way(build: Builder, most_in: Floats, most_out: Floats, own: Equipment, where: Flags) -> None:
    """Adds rows by which a store charges or discharges but not both, relaxed to a linear limit.

    They are needed only `where` (R, S) doing both at once might pay.
    """
    r, s = np.nonzero((own.into[0] != ABSENT) & where)
    into, out, in_high, out_high = own.into[:, r, s], own.out[:, r, s], most_in[r, s], most_out[:, r, s]
    build.rows(np.full(into.shape, -np.inf), in_high * out_high, (out_high, into), (in_high, out))


def _net(p: Params, s: Sites, own: Equipment, e: Ints, factor: ArrayLike = 1.0) -> list[Term]:
    """Terms of the net load (load minus power of own plants) of regions `e`, times `factor` (T, E).

    The constant part `fixed_kw - green_kw` is not included.
    """
    times = np.broadcast_to(np.asarray(factor, dtype=np.float64), (s.slope.shape[0], e.size))
    spared = is_cooling(p)[0] / p.store_cop[0]
    return [
        (times * site_model.net_slope(site_model.power_of(p, 0), s.slope)[:, e], own.it[:, e]),
        (times, own.wan[:, e]),
        *((times / p.store_charge_cop[0, e, i], own.into[:, e, i]) for i in range(own.into.shape[2])),
        *((-times * spared[e, i], own.out[:, e, i]) for i in range(own.out.shape[2])),
    ]


def _from_stores(p: Params, own: Equipment, e: Ints) -> list[Term]:
    """Terms of the power that power stores give to regions `e`, shape (T, E)."""
    gives = is_electric(p)[0] * 1.0
    return [(gives[e, i], own.out[:, e, i]) for i in range(gives.shape[1])]


def _from_grid(p: Params, shared: Shared, own: Equipment, e: Ints) -> list[Term]:
    return [(1.0, shared.grid[:, e]), *_from_stores(p, own, e)]


def _from_contracts(own: Equipment, e: Ints) -> list[Term]:
    return [(1.0, columns[:, e]) for columns in (own.direct, own.prepaid, own.contract)]


def _add_balance(build: Builder, p: Params, s: Sites, shared: Shared, own: Equipment) -> None:
    """Adds the power balance: bought and discharged power covers the load that own plants do not cover, plus sales.

    So only the surplus of own plants can be sold.
    """
    e = np.flatnonzero(s.equipped)
    bought = _from_grid(p, shared, own, e) + _from_contracts(own, e)
    missing = s.fixed_kw[:, e] - s.green_kw[:, e]
    build.rows(missing, np.inf, *bought, *_net(p, s, own, e, -1.0), (-1.0, own.sold[:, e]))


def _add_order(build: Builder, p: Params, s: Sites, limits: Limits, shared: Shared, own: Equipment) -> None:
    """Adds the order of use: own plants first, grid last.

    Bought power is at most the missing power max(0, net load), which is relaxed to its chord.
    """
    e = np.flatnonzero(s.equipped & (s.pays | (p.feed_in_kw[0] > 0)))
    bought = _from_grid(p, shared, own, e) + _from_contracts(own, e)
    _add_chord(build, p, s, limits, own, e, np.zeros(s.slope.shape), bought)
    e = np.flatnonzero(s.equipped & s.pays & ((s.direct_kw > 0) | (s.contract_kw > 0)).any(axis=0))
    _add_chord(build, p, s, limits, own, e, s.direct_kw + s.contract_kw, _from_grid(p, shared, own, e))


def _add_chord(
    build: Builder, p: Params, s: Sites, limits: Limits, own: Equipment, e: Ints, offered_kw: Floats, bought: list[Term]
) -> None:
    """Limits `bought` to the chord of max(0, net load - `offered_kw`) between the least and the most net load."""
    low, high = (net[:, e] - offered_kw[:, e] for net in (limits.net_low, limits.net_high))
    span = high - low
    slope = np.where(span > 1e-9, np.diff(np.maximum(0.0, [low, high]), axis=0)[0] / np.maximum(span, 1e-9), 1.0)
    constant = s.fixed_kw[:, e] - s.green_kw[:, e] - offered_kw[:, e] - low
    upper = np.maximum(0.0, low) + slope * constant
    build.rows(np.full(upper.shape, -np.inf), upper, *bought, *_net(p, s, own, e, -slope))


def _add_cuts(build: Builder, p: Params, s: Sites, limits: Limits, shared: Shared, own: Equipment) -> None:
    """Limits the met part of a cut.

    It is at most the concave envelope of min(asked, baseline - grid) over the possible range of grid power.
    """
    at = np.nonzero(own.met >= 0)
    baseline = p.event_baseline_kw[0, at[1]]
    first = np.maximum(limits.grid_low[at], np.maximum(0.0, baseline - s.cut_kw[at]))
    last = np.maximum(np.maximum(baseline, limits.grid_high[at]), first)
    most = np.maximum(0.0, baseline - first)
    slope = np.where(last > first, most / np.maximum(last - first, 1e-9), 0.0)
    build.rows(np.full(first.shape, -np.inf), slope * last, (1.0, own.met[at]), (slope, shared.grid[at]))


def _add_green_share(build: Builder, p: Params, s: Sites, shared: Shared, own: Equipment) -> None:
    """Adds the rows of the least green share.

    Load that neither the grid nor power stores supplied is green. The energy missing from the least share at the end of
    the episode is `short`.
    """
    e, h = np.flatnonzero(s.green), float(p.step_h[0])
    low = np.full((s.slope.shape[0], e.size), -np.inf)
    more = _net(p, s, own, e, -1.0)[1:]
    build.rows(low, s.fixed_kw[:, e], (1.0, own.load[:, e]), (-s.slope[:, e], own.it[:, e]), *more)
    may = 1.0 - p.green_share_min[0, e]
    gives = is_electric(p)[0]
    given = [(-h * gives[e, i], own.out[:, e, i].T) for i in range(gives.shape[1])]
    sums = [(-h, shared.grid[:, e].T), *given, (h * may, own.load[:, e].T)]
    build.rows(np.zeros(e.size), np.inf, (1.0, own.short[e]), *sums)


def add_plain_power(build: Builder, p: Params, s: Sites, shared: Shared) -> None:
    """Adds the power rows of regions without equipment. Links draw power here only where grid prices are negative."""
    plain = np.flatnonzero(~s.equipped)
    site = site_model.power_of(p, 0)
    kw_per_gpu = site_model.kw_per_awake_gpu(site, s.slope)[:, plain]
    it_kw = site_model.it_kw(site, s.fleet_gpus, 0.0, s.interactive_gpus)
    base_kw = site_model.facility_kw(it_kw, s.slope, s.fixed_kw)[:, plain]
    busy, dropped = (-kw_per_gpu / p.step_h[0], shared.done[:, plain]), (kw_per_gpu, shared.dropped[:, plain])
    build.rows(base_kw - s.green_kw[:, plain], np.inf, (1.0, shared.grid[:, plain]), busy, dropped)
    _add_negative_prices(build, p, s, shared)


def _add_negative_prices(build: Builder, p: Params, s: Sites, shared: Shared) -> None:
    """Limits grid power where its price is negative.

    It is at most the chord of max(0, load - green), where the load includes the most that the WAN can draw.
    """
    at = np.nonzero((s.cost_per_kwh < 0) & ~s.equipped)
    step_h, fleet, site = p.step_h[0], s.fleet_gpus[at], site_model.power_of(p, 0)
    least_kw, most_kw = (
        np.maximum(0.0, site_model.facility_kw(it_kw, s.slope, s.fixed_kw)[at] + s.wan_kw[at] - s.green_kw[at])
        for it_kw in (site_model.it_kw(site, s.fleet_gpus, 0.0, at_work) for at_work in (0.0, s.fleet_gpus))
    )
    kw_a_gpu = np.where(fleet > 0, most_kw - least_kw, 0.0) / np.where(fleet > 0, fleet, 1.0)
    busy = (-kw_a_gpu / step_h, shared.done[at])
    restarts, dropped = (-kw_a_gpu / step_h, shared.restarts[at]), (kw_a_gpu, shared.dropped[at])
    upper_kw = least_kw + kw_a_gpu * s.interactive_gpus[at]
    build.rows(np.full(fleet.shape, -np.inf), upper_kw, (1.0, shared.grid[at]), busy, restarts, dropped)
