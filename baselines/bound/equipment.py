"""Sleep, stores, contracts and programmes in the bound's program: rows and columns of the regions that have them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from wattward.baselines.bound.sites import Flags, Limits, Sites, least_awake_gpus, served
from wattward.baselines.lp import ABSENT, Builder
from wattward.envs.model import site_model
from wattward.envs.model.types import Floats, Ints, Params

Term = tuple[ArrayLike, Ints]


class Shared(NamedTuple):
    """Columns that every region has, shape (T, R)."""

    done: Ints  # [GPU-h]
    restarts: Ints  # [GPU-h]
    dropped: Ints  # [GPUs]
    grid: Ints  # [kW]


class Equipment(NamedTuple):
    """Numbers of columns, shape (T, R) [kW] unless told, ABSENT where a region has no such thing."""

    it: Ints
    awake: Ints  # [GPUs] in order
    woken: Ints  # [GPUs]
    load: Ints  # where power that is not green may cost extra
    wan: Ints
    wan_extra: Ints  # (R,) [GB] beyond what moved work accounts for
    direct: Ints
    prepaid: Ints  # of the contract: what is paid for in any case
    contract: Ints  # the rest of it
    charge: Ints
    discharge: Ints
    stored: Ints  # (M, R) [kWh] at the ends of blocks
    tank_in: Ints
    tank_out: Ints
    chilled: Ints  # (M, R) [kWh]
    sold: Ints
    met: Ints  # of the cut that is asked
    short: Ints  # (R,) [kWh] of green power


def add_equipment(build: Builder, p: Params, s: Sites, limits: Limits, n_blocks: int) -> Equipment:
    """Adds the columns; stores' levels are limited at the ends of blocks."""
    rt, h, e = s.slope.shape, float(p.step_h[0]), s.equipped
    own_high = s.green_kw + p.recovered_share[0] * limits.it_high
    battery, tank, feeds = p.battery_kwh[0] > 0, p.tank_kwh[0] > 0, (p.feed_in_kw[0] > 0) & e
    asked = (s.cut_kw > 0) & e
    met_cost = -h * (p.event_penalty_per_kwh[0] + p.event_pay_per_kwh[0])
    prepaid_kw = p.contract_take_share[0] * s.contract_kw
    short_kwh = h * (limits.grid_high + limits.discharge_high).sum(axis=0)
    links = e & s.pays & (p.wan_kwh_per_gb[0] > 0)
    wan_gb = h * s.wan_kw.sum(axis=0) / np.where(links, p.wan_kwh_per_gb[0], 1.0)
    wear_cost = h * p.battery_wear_cost_per_kwh[0]
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
        charge=build.columns(rt, 0.0, 0.0, p.battery_charge_kw[0], battery),
        discharge=build.columns(rt, wear_cost, 0.0, limits.discharge_high, battery),
        stored=build.columns((n_blocks, rt[1]), 0.0, 0.0, p.battery_kwh[0], battery),
        tank_in=build.columns(rt, 0.0, 0.0, p.tank_charge_kw[0], tank),
        tank_out=build.columns(rt, 0.0, 0.0, limits.tank_high, tank),
        chilled=build.columns((n_blocks, rt[1]), 0.0, 0.0, p.tank_kwh[0], tank),
        sold=build.columns(rt, -h * p.feed_in_price_per_kwh[0], 0.0, np.minimum(p.feed_in_kw[0], own_high), feeds),
        met=build.columns(rt, met_cost, 0.0, np.minimum(s.cut_kw, p.event_baseline_kw[0]), asked),
        short=build.columns(rt[1:], p.shortfall_price_per_kwh[0], 0.0, short_kwh, s.green),
    )


def constant_cost(p: Params, s: Sites) -> dict[str, float]:
    """What a policy cannot avoid: what contracts are paid in any case, and penalties as if no cut were met."""
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
    """What the links draw is for data that work moved, or data beyond; columns `moved` (J,) [GPU-h] by `origin`."""
    for r in np.flatnonzero(own.wan_extra >= 0):
        mine, kwh_per_gb = origin == r, p.wan_kwh_per_gb[0, r]
        draws: Term = (p.step_h[0], own.wan[:, r].reshape(1, -1))
        by_job = [
            (-kwh_per_gb * gb, column.reshape(1)) for gb, column in zip(gb_per_gpu_h[mine], moved[mine], strict=True)
        ]
        build.rows(np.full(1, -np.inf), 0.0, draws, (-kwh_per_gb, own.wan_extra[r : r + 1]), *by_job)


def _add_it_power(build: Builder, p: Params, s: Sites, shared: Shared, own: Equipment) -> None:
    """IT power by GPUs awake and at work; from above only where more of it may pay."""
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
    """GPUs at work are awake; more are awake than before only as they wake, or as they had failed."""
    e, h = np.flatnonzero(s.sleeps), float(p.step_h[0])
    work = (1.0, shared.done[:, e]), (1.0, shared.restarts[:, e]), (-h, shared.dropped[:, e])
    none = np.full(own.awake[:, e].shape, -np.inf)
    build.rows(none, -h * s.interactive_gpus[:, e], *work, (-h, own.awake[:, e]))
    awake, woken = own.awake[:, e], own.woken[:, e]
    failed = p.fleet_gpus[0, e] - s.fleet_gpus[:-1, e]
    build.rows(none[1:], failed, (1.0, awake[1:]), (-1.0, awake[:-1]), (-1.0, woken[:-1]))
    build.rows(none, p.fleet_gpus[0, e], (1.0, awake), (1.0, woken))


def _add_stores(build: Builder, p: Params, s: Sites, limits: Limits, own: Equipment) -> None:
    """Stores hold what went in, less losses and what came out; a tank spares no more than there is to cool."""
    e, h = np.flatnonzero(p.battery_kwh[0] > 0), float(p.step_h[0])
    gain, drain = h * p.battery_charge_efficiency[0, e], h / p.battery_discharge_efficiency[0, e]
    keep = 1.0 - h * p.battery_loss_per_h[0, e]
    _add_level(build, keep, own.stored[:, e], gain, own.charge[:, e], drain, own.discharge[:, e])
    _add_one_way(build, p.battery_charge_kw[0], own.charge, limits.discharge_high, own.discharge, s.pays)
    e = np.flatnonzero(p.tank_kwh[0] > 0)
    keep, step = 1.0 - h * p.tank_loss_per_h[0, e], np.full(e.size, h)
    _add_level(build, keep, own.chilled[:, e], step, own.tank_in[:, e], step, own.tank_out[:, e])
    free = p.tank_charge_cop[0] > p.tank_cop[0]
    _add_one_way(build, p.tank_charge_kw[0], own.tank_in, limits.tank_high, own.tank_out, s.pays | free)
    there, most_kw = p.tank_kwh[0] > 0, p.tank_discharge_kw[0]
    at = np.nonzero(there & (most_kw > limits.it_low))
    build.rows(np.full(at[0].shape, -np.inf), 0.0, (1.0, own.tank_out[at]), (-1.0, own.it[at]))
    at = np.nonzero(there & (most_kw > p.tank_cop[0] * site_model.cooling_kw(limits.it_low, s.slope, s.fixed_kw)))
    spared, cooled = (1.0 / p.tank_cop[0, at[1]], own.tank_out[at]), (1.0 - s.slope[at], own.it[at])
    build.rows(np.full(at[0].shape, -np.inf), s.fixed_kw[at], spared, cooled)


def _add_level(build: Builder, keep: Floats, level: Ints, gain: Floats, into: Ints, drain: Floats, out: Ints) -> None:
    """A store's level (M, R), from one block's end to the next, by flows (T, R) in its steps; it starts empty."""
    if not level.size:
        return
    block = into.shape[0] // level.shape[0]
    flows: list[Term] = []
    for k in range(block):
        kept = np.broadcast_to(keep ** (block - 1 - k), level.shape)
        flows += [(-kept * gain, into[k::block]), (kept * drain, out[k::block])]
    before = np.concatenate([np.full_like(level[:1], ABSENT), level[:-1]])
    build.rows(np.zeros(level.shape), 0.0, (1.0, level), (-(keep**block), before), *flows)


def _add_one_way(build: Builder, most_in: Floats, into: Ints, most_out: Floats, out: Ints, where: Flags) -> None:
    """A store does one thing at a time, which counts only `where` (R,) both at once might pay."""
    e = np.flatnonzero((into[0] != ABSENT) & where)
    none = np.full(into[:, e].shape, -np.inf)
    build.rows(none, most_in[e] * most_out[:, e], (most_out[:, e], into[:, e]), (most_in[e], out[:, e]))


def _net(p: Params, s: Sites, own: Equipment, e: Ints, factor: ArrayLike = 1.0) -> list[Term]:
    """Load less own power of regions `e`, times `factor` (T, E): terms; its constant is `fixed_kw - green_kw`."""
    times = np.broadcast_to(np.asarray(factor, dtype=np.float64), (s.slope.shape[0], e.size))
    return [
        (times * site_model.net_slope(site_model.power_of(p, 0), s.slope)[:, e], own.it[:, e]),
        (-times / p.tank_cop[0, e], own.tank_out[:, e]),
        (times / p.tank_charge_cop[0, e], own.tank_in[:, e]),
        (times, own.wan[:, e]),
        (times, own.charge[:, e]),
    ]


def _from_grid(shared: Shared, own: Equipment, e: Ints) -> list[Term]:
    return [(1.0, shared.grid[:, e]), (1.0, own.discharge[:, e])]


def _from_contracts(own: Equipment, e: Ints) -> list[Term]:
    return [(1.0, columns[:, e]) for columns in (own.direct, own.prepaid, own.contract)]


def _add_balance(build: Builder, p: Params, s: Sites, shared: Shared, own: Equipment) -> None:
    """What is bought or discharged covers what own plants do not; of those, only what is over can be sold."""
    e = np.flatnonzero(s.equipped)
    bought = _from_grid(shared, own, e) + _from_contracts(own, e)
    missing = s.fixed_kw[:, e] - s.green_kw[:, e]
    build.rows(missing, np.inf, *bought, *_net(p, s, own, e, -1.0), (-1.0, own.sold[:, e]))


def _add_order(build: Builder, p: Params, s: Sites, limits: Limits, shared: Shared, own: Equipment) -> None:
    """Own plants come first and the grid last: no more than the chord over max(0, what is missing)."""
    e = np.flatnonzero(s.equipped & (s.pays | (p.feed_in_kw[0] > 0)))
    _add_chord(
        build, p, s, limits, own, e, np.zeros(s.slope.shape), _from_grid(shared, own, e) + _from_contracts(own, e)
    )
    e = np.flatnonzero(s.equipped & s.pays & ((s.direct_kw > 0) | (s.contract_kw > 0)).any(axis=0))
    _add_chord(build, p, s, limits, own, e, s.direct_kw + s.contract_kw, _from_grid(shared, own, e))


def _add_chord(
    build: Builder, p: Params, s: Sites, limits: Limits, own: Equipment, e: Ints, offered_kw: Floats, bought: list[Term]
) -> None:
    """`bought` is at most the chord over max(0, net load - `offered_kw`) between its least and its most."""
    low, high = (net[:, e] - offered_kw[:, e] for net in (limits.net_low, limits.net_high))
    span = high - low
    slope = np.where(span > 1e-9, np.diff(np.maximum(0.0, [low, high]), axis=0)[0] / np.maximum(span, 1e-9), 1.0)
    constant = s.fixed_kw[:, e] - s.green_kw[:, e] - offered_kw[:, e] - low
    upper = np.maximum(0.0, low) + slope * constant
    build.rows(np.full(upper.shape, -np.inf), upper, *bought, *_net(p, s, own, e, -slope))


def _add_cuts(build: Builder, p: Params, s: Sites, limits: Limits, shared: Shared, own: Equipment) -> None:
    """What is met of a cut: at most the concave envelope of min(asked, baseline - grid) over what the grid may give."""
    at = np.nonzero(own.met >= 0)
    baseline = p.event_baseline_kw[0, at[1]]
    first = np.maximum(limits.grid_low[at], np.maximum(0.0, baseline - s.cut_kw[at]))
    last = np.maximum(np.maximum(baseline, limits.grid_high[at]), first)
    most = np.maximum(0.0, baseline - first)
    slope = np.where(last > first, most / np.maximum(last - first, 1e-9), 0.0)
    build.rows(np.full(first.shape, -np.inf), slope * last, (1.0, own.met[at]), (slope, shared.grid[at]))


def _add_green_share(build: Builder, p: Params, s: Sites, shared: Shared, own: Equipment) -> None:
    """Load that neither grid nor battery gave is green; what is missing to the share at the end is short."""
    e, h = np.flatnonzero(s.green), float(p.step_h[0])
    low = np.full((s.slope.shape[0], e.size), -np.inf)
    more = _net(p, s, own, e, -1.0)[1:]
    build.rows(low, s.fixed_kw[:, e], (1.0, own.load[:, e]), (-s.slope[:, e], own.it[:, e]), *more)
    may = 1.0 - p.green_share_min[0, e]
    sums = [(-h, shared.grid[:, e].T), (-h, own.discharge[:, e].T), (h * may, own.load[:, e].T)]
    build.rows(np.zeros(e.size), np.inf, (1.0, own.short[e]), *sums)


def add_plain_power(build: Builder, p: Params, s: Sites, shared: Shared) -> None:
    """Adds the rows; links draw nothing here but where the grid pays its user."""
    plain = np.flatnonzero(~s.equipped)
    site = site_model.power_of(p, 0)
    kw_per_gpu = site_model.kw_per_awake_gpu(site, s.slope)[:, plain]
    it_kw = site_model.it_kw(site, s.fleet_gpus, 0.0, s.interactive_gpus)
    base_kw = site_model.facility_kw(it_kw, s.slope, s.fixed_kw)[:, plain]
    busy, dropped = (-kw_per_gpu / p.step_h[0], shared.done[:, plain]), (kw_per_gpu, shared.dropped[:, plain])
    build.rows(base_kw - s.green_kw[:, plain], np.inf, (1.0, shared.grid[:, plain]), busy, dropped)
    _add_negative_prices(build, p, s, shared)


def _add_negative_prices(build: Builder, p: Params, s: Sites, shared: Shared) -> None:
    """Where the grid pays its user: no more than the chord over max(0, load - green), with all the WAN can draw."""
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
